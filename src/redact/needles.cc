#include "redact/needles.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace berm {
namespace {

constexpr std::uint32_t kMix = 0x9E3779B1;  // 2^32 / golden ratio (Knuth, multiplicative hashing)
constexpr std::size_t kGram = 4;
// Bits a gram in the bitmap: three percent of a random text's samples pass.
constexpr std::size_t kSparse = 32;

// Where the bitmaps of the first one, two and three bytes begin, in bits.
constexpr std::size_t kOneByte = 0;
constexpr std::size_t kTwoBytes = 1 << 16;
constexpr std::size_t kThreeBytes = 1 << 17;
constexpr std::size_t kOpeningBits = kThreeBytes + (1 << 18);

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool is_set(const std::uint64_t* bits, std::size_t number) {
  return ((bits[number / 64] >> (number % 64)) & 1) != 0;
}

void set(Wiped<std::uint64_t>& bits, std::size_t number) {
  bits[number / 64] |= std::uint64_t{1} << (number % 64);
}

// The place of the first `length` bytes, 1..3, among the openings.
std::size_t opening(const char* at, std::size_t length) {
  const auto byte = [at](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(at[i])};
  };
  if (length == 1) return kOneByte + byte(0);
  if (length == 2) return kTwoBytes + (byte(0) << 8 | byte(1));
  return kThreeBytes + ((byte(0) << 16 | byte(1) << 8 | byte(2)) * kMix >> 14);
}

}  // namespace

std::string_view Needles::text_of(const Needle& needle) const {
  return {kept_.data() + needle.at, needle.length};
}

std::uint64_t Needles::hash_of(const char* at) const {
  // Reads the key's first and last bytes; for keys up to 16 bytes that is every byte.
  const auto mixed =
      key_ < 8 ? std::uint64_t{load<std::uint32_t>(at)} << 32 | load<std::uint32_t>(at + key_ - 4)
               : load<std::uint64_t>(at) * 0x9E3779B97F4A7C15 ^
                     std::rotl(load<std::uint64_t>(at + key_ - 8), 32);
  const std::uint64_t spread = mixed * 0xD6E8FEB86659FD93;
  return spread ^ spread >> 32;
}

bool Needles::may_hold(const char* gram) const {
  return is_set(grams_.data(), load<std::uint32_t>(gram) * kMix >> gram_shift_);
}

std::size_t Needles::keep(std::string_view text) {
  const std::size_t at = kept_.size();
  kept_.insert(kept_.end(), text.begin(), text.end());
  return at;
}

void Needles::add(std::size_t at, std::size_t length, std::uint32_t label) {
  if (needles_.size() * 2 >= slots_.size()) grow();
  const std::uint64_t hash = hash_of(kept_.data() + at);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (slots_[slot] >> 32 != hash >> 32) continue;
    const Needle& other = needles_[(slots_[slot] & 0xffffffff) - 1];
    if (text_of(other) == std::string_view(kept_.data() + at, length)) return;
  }
  needles_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length), label});
  longest_ = std::max(longest_, length);
  index(static_cast<std::uint32_t>(needles_.size() - 1));
}

void Needles::index(std::uint32_t number) {
  const char* const text = kept_.data() + needles_[number].at;
  for (std::size_t i = 0; i < stride_; ++i) {
    set(grams_, load<std::uint32_t>(text + i) * kMix >> gram_shift_);
  }
  for (std::size_t length = 1; length < kGram; ++length) set(openings_, opening(text, length));
  const std::uint64_t hash = hash_of(text);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = (hash >> 32) << 32 | (number + 1);
}

void Needles::grow() {
  const std::size_t capacity = std::max<std::size_t>(64, slots_.size() * 2);
  slots_.assign(capacity, 0);
  // Needles are mostly the windows of a few texts, so each brings about one new gram.
  const std::size_t bits = capacity / 2 * kSparse;
  grams_.assign(bits / 64, 0);
  gram_shift_ = static_cast<unsigned>(32 - std::countr_zero(bits));
  openings_.assign(kOpeningBits / 64, 0);
  for (std::uint32_t number = 0; number < needles_.size(); ++number) index(number);
}

void Needles::find_around(std::string_view text, std::size_t first, std::size_t last,
                          std::vector<SecretSpan>& out) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = first; at <= last && at + key_ <= text.size(); ++at) {
    // A chance hit has no neighbours: this spares nearly all the hashing.
    if (!may_hold(text.data() + at) || !may_hold(text.data() + at + stride_ - 1)) continue;
    const std::uint64_t hash = hash_of(text.data() + at);
    for (std::size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
      if (slots_[slot] >> 32 != hash >> 32) continue;
      const Needle& needle = needles_[(slots_[slot] & 0xffffffff) - 1];
      if (text.substr(at, needle.length) != text_of(needle)) continue;
      const std::size_t end = at + needle.length;
      // `out` may hold what others found, so its last need not be to the left.
      if (!out.empty() && out.back().label == needle.label && out.back().begin <= at &&
          at < out.back().end) {
        out.back().end = std::max(out.back().end, end);
      } else {
        out.push_back({at, end, needle.label});
      }
    }
  }
}

void Needles::find(std::string_view text, std::size_t from, std::vector<SecretSpan>& out) const {
  if (needles_.empty() || text.size() < from + key_) return;
  const std::uint64_t* const grams = grams_.data();
  const unsigned shift = gram_shift_;
  const auto sampled = [&](std::size_t at) {
    return is_set(grams, load<std::uint32_t>(text.data() + at) * kMix >> shift);
  };
  const auto verify = [&](std::size_t at) {
    // No needle that begins left of these has its sample here.
    find_around(text, at < from + stride_ ? from : at - stride_ + 1, at, out);
  };
  const std::size_t end = text.size() - kGram;  // the last gram begins here
  std::size_t at = from;
  // Four at a time: one branch that is nearly never taken.
  for (; at + 3 * stride_ <= end; at += 4 * stride_) {
    const bool a = sampled(at);
    const bool b = sampled(at + stride_);
    const bool c = sampled(at + 2 * stride_);
    const bool d = sampled(at + 3 * stride_);
    if (!(a | b | c | d)) [[likely]]
      continue;
    if (a) verify(at);
    if (b) verify(at + stride_);
    if (c) verify(at + 2 * stride_);
    if (d) verify(at + 3 * stride_);
  }
  for (; at <= end; at += stride_) {
    if (sampled(at)) verify(at);
  }
}

bool Needles::has_beginning(std::string_view end) const {
  const std::uint64_t hash = hash_of(end.data());
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (slots_[slot] >> 32 != hash >> 32) continue;
    const std::string_view needle = text_of(needles_[(slots_[slot] & 0xffffffff) - 1]);
    if (needle.size() > end.size() && needle.starts_with(end)) return true;
  }
  return false;
}

bool Needles::may_begin(std::string_view end) const {
  if (end.size() < kGram) return is_set(openings_.data(), opening(end.data(), end.size()));
  if (!is_set(openings_.data(), opening(end.data(), 3))) return false;
  const std::size_t grams = std::min(end.size() - kGram + 1, stride_);
  for (std::size_t i = 0; i < grams; ++i) {
    if (!may_hold(end.data() + i)) return false;
  }
  return end.size() < key_ || has_beginning(end);
}

std::size_t Needles::unfinished_from(std::string_view text) const {
  if (needles_.empty()) return text.size();
  for (std::size_t at = text.size() - std::min(text.size(), longest_ - 1); at < text.size(); ++at) {
    if (may_begin(text.substr(at))) return at;
  }
  return text.size();
}

}  // namespace berm

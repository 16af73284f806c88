#include "redact/keywords.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace berm {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::uint32_t kLowerCase = 0x20202020;

std::size_t less(std::size_t from, std::size_t what) { return from - std::min(from, what); }

std::uint32_t four_bytes(const char* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Hashes, so that the bitmaps fit the first-level cache. Three bytes: words may be as short. Four
// where keywords are longer: 3-grams of "password" are in every other line.
std::uint32_t gram_of_3(std::uint32_t bytes) { return (bytes << 8) * 0x9E3779B1 >> 17; }
std::uint32_t gram_of_4(std::uint32_t bytes) { return (bytes | kLowerCase) * 0x9E3779B1 >> 17; }

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (lower_case(c) >= 'a' && lower_case(c) <= 'f');
}

bool is_word_byte(char c) { return is_in(Alphabet::word, c); }

// Is text[at - 1] the end of an escape, so that a word begins behind it though it is a letter? In
// the source "\nghp_", in a query "%20ghp_", on a terminal "\x1b[1mghp_".
bool ends_an_escape(std::string_view text, std::size_t at) {
  const char last = text[at - 1];
  if (at >= 2 && text[at - 2] == '\\') {
    return std::string_view("nrtbfve0").find(last) != std::string_view::npos;
  }
  if (at >= 3 && text[at - 3] == '%') return is_hex_digit(text[at - 2]) && is_hex_digit(last);
  if (last != 'm') return false;
  for (std::size_t i = at - 1; i-- > 0 && at - i <= Keywords::kBehind - 1;) {
    if (text[i] == '[') return i > 0 && text[i - 1] == '\x1b';
    if (text[i] != ';' && (text[i] < '0' || text[i] > '9')) return false;
  }
  return false;
}

// Of the 64 bytes from `at` on, those behind a colour ("\x1b[1;31m").
std::uint64_t behind_colours(std::string_view text, std::size_t at) {
  std::uint64_t bits = 0;
  const std::string_view near = text.substr(0, at + kBlock);
  std::size_t i = near.find('\x1b', less(at, Keywords::kBehind));
  for (; i != std::string_view::npos; i = near.find('\x1b', i + 1)) {
    const std::size_t end = near.find_first_not_of("[;0123456789", i + 1);
    if (end == std::string_view::npos || near[end] != 'm') continue;
    if (end + 1 >= at && end + 1 < at + kBlock) bits |= std::uint64_t{1} << (end + 1 - at);
  }
  return bits;
}

bool is_word_start(std::string_view text, std::size_t at) {
  return at == 0 || !is_word_byte(text[at - 1]) || ends_an_escape(text, at);
}

// "abc8Q~…": a client secret of Azure has three characters and a digit before its mark.
bool is_azure_mark(std::string_view text, std::size_t at) {
  if (at < 4 || text[at - 1] < '0' || text[at - 1] > '9') return false;
  return std::ranges::all_of(text.substr(at - 4, 3),
                             [](char c) { return is_in(Alphabet::token, c) || c == '~'; });
}

// Where the `size` bytes of `keyword` begin that are the least common in text.
std::size_t rarest_stretch(std::string_view keyword, std::size_t size) {
  constexpr std::string_view kCommonFirst = " etaoinsrhldcumfpgwybvkxjqz";
  const auto rarity = [&](std::size_t at) {
    std::size_t sum = 0;
    for (const char c : keyword.substr(at, size)) {
      sum += std::min(kCommonFirst.find(c), kCommonFirst.size());
    }
    return sum;
  };
  std::size_t rarest = 0;
  for (std::size_t at = 0; at + size <= keyword.size(); ++at) {
    if (rarity(at) > rarity(rarest)) rarest = at;
  }
  return rarest;
}

}  // namespace

BlockMasks masks_of_bytewise(const char* block) {
  BlockMasks masks;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const char c = block[i];
    const char next = block[i + 1];
    masks.word |= std::uint64_t{is_word_byte(c)} << i;
    masks.escape |= std::uint64_t{c == '\\' || c == '%' || c == '\x1b'} << i;
    masks.pair |= std::uint64_t{(c == ':' && next == '/') || (c == 'Q' && next == '~')} << i;
  }
  return masks;
}

#ifdef __SSE2__
namespace {

__m128i is(__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); }

// Between `low` and `high`, by one signed comparison: the range is moved to the lowest values.
__m128i is_between(__m128i bytes, char low, char high) {
  const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(-128 - low)));
  return _mm_cmplt_epi8(moved, _mm_set1_epi8(static_cast<char>(-128 + (high - low) + 1)));
}

std::uint64_t bits_of(__m128i bytes) {
  return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
}

}  // namespace

// Inline, and four times by hand: calls and variable shifts would cost a fifth of the whole.
static inline BlockMasks masks_of_16(const char* at) {
  const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 1));
  const __m128i letter = is_between(_mm_or_si128(c, _mm_set1_epi8(0x20)), 'a', 'z');
  const __m128i word = _mm_or_si128(_mm_or_si128(letter, is_between(c, '0', '9')), is(c, '_'));
  const __m128i escape = _mm_or_si128(_mm_or_si128(is(c, '\\'), is(c, '%')), is(c, '\x1b'));
  const __m128i pair = _mm_or_si128(_mm_and_si128(is(c, ':'), is(next, '/')),
                                    _mm_and_si128(is(c, 'Q'), is(next, '~')));
  return {bits_of(word), bits_of(escape), bits_of(pair)};
}

static inline BlockMasks masks_inline(const char* block) {
  const BlockMasks a = masks_of_16(block);
  const BlockMasks b = masks_of_16(block + 16);
  const BlockMasks c = masks_of_16(block + 32);
  const BlockMasks d = masks_of_16(block + 48);
  return {a.word | b.word << 16 | c.word << 32 | d.word << 48,
          a.escape | b.escape << 16 | c.escape << 32 | d.escape << 48,
          a.pair | b.pair << 16 | c.pair << 32 | d.pair << 48};
}
#else
static inline BlockMasks masks_inline(const char* block) { return masks_of_bytewise(block); }
#endif

BlockMasks masks_of(const char* block) { return masks_inline(block); }

Keywords::Keywords(std::span<const PatternRule> rules) {
  words_.heads.resize(words_.present.size());
  anywhere_.heads.resize(anywhere_.present.size());
  for (std::size_t number = 0; number < rules.size(); ++number) {
    for (const std::string_view keyword : split(rules[number].keywords, ' ')) {
      add(keyword, rules[number], number);
    }
  }
  for (std::size_t number = 0; number < entries_.size(); ++number) {
    const Entry& entry = entries_[number];
    if (entry.where == Keyword::word) add_gram(words_, number, 0);
    if (entry.where != Keyword::anywhere) continue;
    const std::size_t rarest = rarest_stretch(entry.text, stride_ + 3);
    for (std::size_t i = 0; i < stride_; ++i) add_gram(anywhere_, number, rarest + i);
  }
}

void Keywords::add(std::string_view text, const PatternRule& rule, std::size_t number) {
  by_first_[static_cast<unsigned char>(text[0])].push_back(
      static_cast<std::uint16_t>(entries_.size()));
  entries_.push_back(
      {std::string(text), static_cast<std::uint16_t>(number), rule.where, rule.lead.empty()});
  longest_ = std::max(longest_, text.size());
  if (rule.where == Keyword::anywhere) stride_ = std::min(stride_, text.size() - 3);
}

void Keywords::add_gram(Grams& grams, std::size_t entry, std::size_t offset) {
  const bool anywhere = entries_[entry].where == Keyword::anywhere;
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, entries_[entry].text.data() + offset, anywhere ? 4 : 3);
  const std::uint32_t hash = anywhere ? gram_of_4(bytes) : gram_of_3(bytes);
  grams.present.set(hash);
  grams.places.push_back(
      {static_cast<std::uint16_t>(entry), static_cast<std::uint16_t>(offset), grams.heads[hash]});
  grams.heads[hash] = static_cast<std::uint16_t>(grams.places.size() - 1);
}

bool Keywords::is_at(const Entry& entry, std::string_view text, std::size_t at) const {
  const std::string_view found = text.substr(at, entry.text.size());
  if (entry.where == Keyword::anywhere) {
    return std::ranges::equal(found, entry.text, {}, lower_case);
  }
  if (found != entry.text) return false;
  if (entry.where == Keyword::word) return is_word_start(text, at);
  return entry.text != "Q~" || is_azure_mark(text, at);
}

// `gram` was seen at `at`: which keywords that begin at `from` or later are around it?
void Keywords::confirm(const Grams& grams, std::uint32_t gram, std::string_view text,
                       std::size_t at, std::size_t from, std::vector<KeywordHit>& out) const {
  for (std::size_t place = grams.heads[gram]; place != 0; place = grams.places[place].next) {
    const std::size_t offset = grams.places[place].offset;
    if (at < from + offset) continue;
    const Entry& entry = entries_[grams.places[place].entry];
    if (!is_at(entry, text, at - offset)) continue;
    out.push_back({at - offset, entry.rule, static_cast<std::uint16_t>(entry.text.size())});
  }
}

void Keywords::confirm_pair(std::string_view text, std::size_t at,
                            std::vector<KeywordHit>& out) const {
  for (const std::uint16_t number : by_first_[static_cast<unsigned char>(text[at])]) {
    const Entry& entry = entries_[number];
    if (entry.where != Keyword::pair || !is_at(entry, text, at)) continue;
    out.push_back({at, entry.rule, static_cast<std::uint16_t>(entry.text.size())});
  }
}

void Keywords::find_words(std::string_view text, std::size_t from,
                          std::vector<KeywordHit>& out) const {
  // The block before: zeros where the text does not reach.
  char padded[3 * kBlock] = {};
  const std::size_t behind = std::min(from, kBlock);
  std::memcpy(padded + kBlock - behind, text.data() + from - behind, behind);
  BlockMasks before = masks_inline(padded);
  const auto visit = [&](const char* block, std::size_t at) {
    const BlockMasks masks = masks_inline(block);
    std::uint64_t starts = ~(masks.word << 1 | before.word >> 63);
    if ((masks.escape | before.escape) != 0) [[unlikely]] {
      // Behind "\n" and "%20" a word begins too. A colour is of any length: is_word_start()
      // decides.
      starts |= masks.escape << 2 | before.escape >> 62 | masks.escape << 3 | before.escape >> 61;
      starts |= behind_colours(text, at);
    }
    for (starts &= masks.word; starts != 0; starts &= starts - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(starts));
      const std::uint32_t hash = gram_of_3(four_bytes(block + i));
      if (words_.present[hash]) [[unlikely]]
        confirm(words_, hash, text, at + i, at + i, out);
    }
    for (std::uint64_t pairs = masks.pair; pairs != 0; pairs &= pairs - 1) {
      confirm_pair(text, at + static_cast<std::size_t>(std::countr_zero(pairs)), out);
    }
    before = masks;
  };
  constexpr std::size_t kRead = kBlock + 4;  // four_bytes() of its last
  std::size_t at = from;
  for (; at + kRead <= text.size(); at += kBlock) visit(text.data() + at, at);
  std::memset(padded, 0, sizeof padded);
  std::memcpy(padded, text.data() + at, text.size() - at);
  for (const char* block = padded; at < text.size(); block += kBlock, at += kBlock) {
    visit(block, at);
  }
}

void Keywords::find_anywhere(std::string_view text, std::size_t from,
                             std::vector<KeywordHit>& out) const {
  const auto hash_at = [&](std::size_t at) { return gram_of_4(four_bytes(text.data() + at)); };
  const auto visit = [&](std::size_t at, std::uint32_t hash) {
    if (anywhere_.present[hash]) [[unlikely]]
      confirm(anywhere_, hash, text, at, from, out);
  };
  std::size_t at = from;
  for (; at + 3 * stride_ + 4 <= text.size(); at += 4 * stride_) {
    const std::uint32_t a = hash_at(at);
    const std::uint32_t b = hash_at(at + stride_);
    const std::uint32_t c = hash_at(at + 2 * stride_);
    const std::uint32_t d = hash_at(at + 3 * stride_);
    const auto is_present = [&](std::uint32_t hash) { return unsigned{anywhere_.present[hash]}; };
    if ((is_present(a) | is_present(b) | is_present(c) | is_present(d)) == 0) [[likely]] {
      continue;
    }
    visit(at, a);
    visit(at + stride_, b);
    visit(at + 2 * stride_, c);
    visit(at + 3 * stride_, d);
  }
  for (; at + 4 <= text.size(); at += stride_) visit(at, hash_at(at));
}

void Keywords::find(std::string_view text, std::size_t from, std::vector<KeywordHit>& out) const {
  if (from >= text.size()) return;
  find_words(text, from, out);
  find_anywhere(text, from, out);
}

std::size_t Keywords::unfinished_from(std::string_view text) const {
  const std::size_t reach = std::min(text.size(), longest_ - 1);
  for (std::size_t at = text.size() - reach; at < text.size(); ++at) {
    const std::string_view end = text.substr(at);
    for (const std::uint16_t number : by_first_[static_cast<unsigned char>(lower_case(end[0]))]) {
      const Entry& entry = entries_[number];
      if (!entry.is_secret || entry.where != Keyword::anywhere) continue;
      if (entry.text.size() > end.size() &&
          std::ranges::equal(end, entry.text.substr(0, end.size()), {}, lower_case)) {
        return at;
      }
    }
    for (const std::uint16_t number : by_first_[static_cast<unsigned char>(end[0])]) {
      const Entry& entry = entries_[number];
      if (!entry.is_secret || entry.where == Keyword::anywhere) continue;
      if (entry.text.size() > end.size() && entry.text.starts_with(end) &&
          (entry.where == Keyword::pair || is_word_start(text, at))) {
        return at;
      }
    }
  }
  return text.size();
}

}  // namespace berm

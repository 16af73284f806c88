#include "record/chain.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/text.h"
#include "record/canonical.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;

constexpr std::string_view kHashMember = R"(,"hash":")";
constexpr std::size_t kHashSize = 64;

// What stands behind the data is short; a member's comma is rare enough to be looked for forwards.
std::size_t last_of(std::string_view line, std::string_view member) {
  constexpr std::size_t kTail = 512;
  std::size_t last = std::string_view::npos;
  std::size_t at = line.find(member, line.size() - std::min(line.size(), kTail));
  for (; at != std::string_view::npos; at = line.find(member, at + 1)) last = at;
  return last;
}

bool is_hex_of(std::string_view hex, const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  bool same = true;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    same &= hex[2 * i] == kDigits[digest[i] >> 4] && hex[2 * i + 1] == kDigits[digest[i] & 15];
  }
  return same;
}

// Reads what stands behind the data, which has one form.
class TailReader {
 public:
  explicit TailReader(std::string_view rest) : rest_(rest) {}

  void skip(std::string_view literal) {
    good_ = good_ && rest_.starts_with(literal);
    if (good_) rest_.remove_prefix(literal.size());
  }
  // A string of ours holds nothing that would have to be escaped.
  std::string_view word() {
    const std::size_t end = rest_.find('"');
    const std::string_view out = rest_.substr(0, end);
    good_ = good_ && end != std::string_view::npos && out.find('\\') == std::string_view::npos;
    if (!good_) return {};
    rest_.remove_prefix(end);
    return out;
  }
  template <class Number>
  Number number() {
    Number out{};
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    good_ = good_ && error == std::errc();
    if (good_) rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return out;
  }
  [[nodiscard]] bool is_over() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

json parse_event(std::string_view line) {
  bool too_deep = false;
  const auto shallow = [&](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  json event = json::parse(line, shallow, false);
  if (too_deep || !event.is_object()) return {};
  return event;
}

std::string genesis_hash() { return std::string(64, '0'); }

// The members in their order, with a place for the hash behind the data.
SealedEvent seal_event(const EventHeader& header, std::string_view data,
                       std::string_view previous_hash) {
  SealedEvent sealed;
  std::string& line = sealed.line;
  line.reserve(data.size() + 512);
  CanonicalWriter writer(line);
  writer.open_object();
  writer.key("data");
  line += data;
  const std::size_t hash_at = line.size();
  writer.key("mono");
  writer.number(header.monotonic_ns);
  writer.key("prev");
  writer.text(previous_hash);
  writer.key("run");
  writer.text(header.run);
  writer.key("seq");
  writer.number(header.sequence);
  writer.key("source");
  writer.text(header.source);
  writer.key("time");
  writer.text(header.time);
  writer.key("type");
  writer.text(header.type);
  writer.key("v");
  writer.number(kEventVersion);
  writer.close_object();
  Sha256 hash;
  hash.update(line);
  sealed.digest = hash.digest();
  sealed.hash = to_hex(sealed.digest);
  line.insert(hash_at, std::string(kHashMember) + sealed.hash + '"');
  return sealed;
}

std::optional<SealedLine> parse_sealed(std::string_view line) {
  constexpr std::string_view kData = R"({"data":)";
  // The last one: data may hold such a member, what stands behind may not.
  const std::size_t at = last_of(line, kHashMember);
  if (at == std::string_view::npos || !line.starts_with(kData) || at < kData.size())
    return std::nullopt;
  SealedLine out;
  out.data = line.substr(kData.size(), at - kData.size());
  TailReader tail(line.substr(at + kHashMember.size()));
  out.hash = tail.word();
  const std::size_t rest = at + kHashMember.size() + out.hash.size() + 1;
  tail.skip(R"(","mono":)");
  out.monotonic_ns = tail.number<std::int64_t>();
  tail.skip(R"(,"prev":")");
  out.previous = tail.word();
  tail.skip(R"(","run":")");
  out.run = tail.word();
  tail.skip(R"(","seq":)");
  out.sequence = tail.number<std::uint64_t>();
  tail.skip(R"(,"source":")");
  out.source = tail.word();
  tail.skip(R"(","time":")");
  out.time = tail.word();
  tail.skip(R"(","type":")");
  out.type = tail.word();
  tail.skip(R"(","v":1})");
  if (!tail.is_over() || out.hash.size() != kHashSize) return std::nullopt;
  Sha256 hash;
  hash.update(line.substr(0, at));
  hash.update(line.substr(rest));
  out.digest = hash.digest();
  out.fits = is_hex_of(out.hash, out.digest);
  return out;
}

}  // namespace berm

#include "record/checkpoint.h"

#include <fmt/format.h>

#include <charconv>

#include "base/base64.h"
#include "base/text.h"

namespace berm {
namespace {

constexpr std::string_view kOrigin = "berm/";
constexpr std::string_view kClaim = "berm run key v1";

// A root or a key.
bool decode(std::string_view text, Digest& out) {
  const std::optional<std::string> raw = base64_decoded(text);
  if (!raw || raw->size() != out.size()) return false;
  std::copy(raw->begin(), raw->end(), out.begin());
  return true;
}

// The lines of `text`, which ends with a line feed; none if there are not `count`.
std::vector<std::string_view> lines_of(std::string_view text, std::size_t count) {
  std::vector<std::string_view> lines = split(text, '\n');
  if (lines.size() != count + 1 || !lines.back().empty()) return {};
  lines.pop_back();
  return lines;
}

}  // namespace

std::string run_signer(std::string_view run) { return fmt::format("{}{}", kOrigin, run); }

std::string to_text(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\nhead {}\ntime {}\n", run_signer(checkpoint.run), checkpoint.size,
                     base64(bytes_of(checkpoint.root)), checkpoint.head, checkpoint.time);
}

std::optional<Checkpoint> parse_checkpoint(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text, 5);
  if (lines.empty() || !lines[0].starts_with(kOrigin) || !lines[3].starts_with("head ") ||
      !lines[4].starts_with("time ")) {
    return std::nullopt;
  }
  Checkpoint out{.run = std::string(lines[0].substr(kOrigin.size())),
                 .head = std::string(lines[3].substr(5)),
                 .time = std::string(lines[4].substr(5))};
  const char* end = lines[1].data() + lines[1].size();
  if (std::from_chars(lines[1].data(), end, out.size).ptr != end || !decode(lines[2], out.root)) {
    return std::nullopt;
  }
  // One text for one checkpoint.
  return to_text(out) == text ? std::optional(out) : std::nullopt;
}

std::string to_text(const RunKeyClaim& claim) {
  return fmt::format("{}\n{}\n{}\n{}\n", kClaim, claim.run, base64(bytes_of(claim.key)),
                     claim.time);
}

std::optional<RunKeyClaim> parse_run_key_claim(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text, 4);
  if (lines.empty() || lines[0] != kClaim) return std::nullopt;
  RunKeyClaim out{.run = std::string(lines[1]), .time = std::string(lines[3])};
  if (!decode(lines[2], out.key)) return std::nullopt;
  return to_text(out) == text ? std::optional(out) : std::nullopt;
}

}  // namespace berm

#include "rules/egress/http_head.h"

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::size_t kMostFields = 100;
constexpr std::string_view kToken =
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool is_token(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kToken) == std::string_view::npos;
}

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

std::string why_bad_request_line(std::string_view line, bool& http10) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return "a malformed request line";
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (method.size() > 32 || !is_token(method)) return "a malformed method";
  if (target.empty() || !std::ranges::all_of(target, is_visible)) return "a malformed target";
  if (target.find('#') != std::string_view::npos) return "a fragment in the target";
  http10 = version == "HTTP/1.0";
  return http10 || version == "HTTP/1.1" ? "" : "an HTTP version other than 1.0 and 1.1";
}

struct Framing {
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
  int types = 0;
};

std::string why_bad_field(std::string_view line, Framing& framing) {
  if (line.front() == ' ' || line.front() == '\t') return "a folded header line";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return "a malformed header name";
  }
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; };
  if (std::ranges::any_of(value, control) || value.find('\x7f') != std::string_view::npos) {
    return "a control character in a header";
  }
  if (name == "host" && ++framing.hosts > 1) return "two Host headers";
  // A rule that judges the first and a server that reads the last.
  if (name == "content-type" && ++framing.types > 1) return "two Content-Type headers";
  if (name == "content-length") {
    const bool digits = !value.empty() && value.size() <= 18 &&
                        value.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits) return "a malformed Content-Length";
    if (++framing.lengths > 1) return "two Content-Length headers";
  }
  if (name == "transfer-encoding") {
    if (lower(value) != "chunked") return "a Transfer-Encoding other than chunked";
    if (++framing.encodings > 1) return "two Transfer-Encoding headers";
  }
  return "";
}

}  // namespace

std::size_t head_length(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

std::string why_ambiguous(std::string_view head) {
  if (head.size() > kMaxRequestHead) return "a head of more than 64 KiB";
  if (!head.ends_with("\r\n\r\n")) return "an unfinished head";
  head.remove_suffix(2);
  bool http10 = false;
  Framing framing;
  std::size_t fields = 0;
  for (bool first = true; !head.empty(); first = false) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    // One parser takes a bare LF for a line's end, the next for part of a value.
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      return "a bare CR, LF or NUL";
    }
    if (line.empty()) return "an empty line inside the head";
    if (!first && ++fields > kMostFields) return "more than 100 headers";
    std::string why = first ? why_bad_request_line(line, http10) : why_bad_field(line, framing);
    if (!why.empty()) return why;
  }
  if (framing.hosts == 0 && !http10) return "no Host header";
  if (framing.lengths > 0 && framing.encodings > 0) {
    return "Content-Length beside Transfer-Encoding";
  }
  if (framing.encodings > 0 && http10) return "Transfer-Encoding in HTTP/1.0";
  return "";
}

}  // namespace berm

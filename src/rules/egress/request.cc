#include "rules/egress/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/merge.h"

namespace berm {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Appends what "%XX" at `at` stands for: the character itself, or the escape in upper case.
bool append_escape(std::string_view path, std::size_t at, std::string& out) {
  if (at + 2 >= path.size()) return false;
  const int high = hex_digit(path[at + 1]);
  const int low = hex_digit(path[at + 2]);
  if (high < 0 || low < 0) return false;
  const char c = static_cast<char>(high * 16 + low);
  const auto byte = static_cast<unsigned char>(c);
  // Decoded by one server and not by the next, each of these moves a boundary.
  if (byte < 0x20 || byte == 0x7f) return false;
  if (std::string_view("/\\%;?#").find(c) != std::string_view::npos) return false;
  if (is_unreserved(c)) {
    out += c;
  } else {
    out += fmt::format("%{:02X}", byte);
  }
  return true;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    char32_t point = 0;
    const std::size_t length = decode_utf8(text, at, point);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

// What `rule` misses in `request`; "" if nothing.
std::string why_refused(const NetworkRule& rule, const RequestFacts& request) {
  const bool path = std::ranges::any_of(
      rule.paths, [&](const std::string& pattern) { return path_matches(pattern, request.path); });
  if (!path) return fmt::format("no granted path covers {}", request.path);
  if (std::ranges::find(rule.methods, request.method) == rule.methods.end()) {
    return fmt::format("{} is not granted for {}", request.method, request.path);
  }
  if (request.websocket && !rule.websocket) return "a websocket is not granted";
  if (!request.has_body) return "";
  const std::string type =
      lower(trim(std::string_view(request.content_type).substr(0, request.content_type.find(';'))));
  if (!rule.content_types.empty() &&
      std::ranges::find(rule.content_types, type) == rule.content_types.end()) {
    return fmt::format("a body of type '{}' is not granted", type);
  }
  if (rule.max_upload && request.content_length &&
      *request.content_length > rule.max_upload->count) {
    return fmt::format("a body of {} bytes is larger than max_upload", *request.content_length);
  }
  return "";
}

}  // namespace

std::optional<std::string> normalized_path(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (!path.starts_with('/')) return std::nullopt;
  std::string out;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const char c = path[at];
    if (c == '%') {
      if (!append_escape(path, at, out)) return std::nullopt;
      at += 2;
    } else if (c == '\\' || c <= 0x20 || c >= 0x7f || c == '#') {
      return std::nullopt;
    } else {
      out += c;
    }
  }
  if (!is_utf8(percent_decoded(out))) return std::nullopt;  // overlong forms of '.' and '/'
  const std::vector<std::string_view> segments = split(std::string_view(out).substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    // ";" parameters hide a ".." from some servers ("/..;/").
    // Blanks around a name are cut off by others.
    std::string name(segments[i].substr(0, segments[i].find(';')));
    while (name.ends_with("%20")) name.resize(name.size() - 3);
    while (name.starts_with("%20")) name.erase(0, 3);
    if (name == "." || name == ".." || (segments[i].empty() && !last)) return std::nullopt;
  }
  return out;
}

std::optional<std::string> path_with_slashes(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  std::string out;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const bool slash = lower(path.substr(at, 3)) == "%2f";
    out += slash ? '/' : path[at];
    if (slash) at += 2;
  }
  return normalized_path(out);
}

bool path_matches(std::string_view pattern, std::string_view path) {
  // Linear memory, time pattern × path: row[j] = does the pattern so far match path[0, j)?
  std::vector<bool> row(path.size() + 1, false);
  row[0] = true;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    std::vector<bool> next(path.size() + 1, false);
    if (pattern[i] == '*') {
      const bool across = i + 1 < pattern.size() && pattern[i + 1] == '*';
      if (across) ++i;
      for (std::size_t j = 0; j <= path.size(); ++j) {
        next[j] = row[j] || (j > 0 && next[j - 1] && (across || path[j - 1] != '/'));
      }
    } else {
      for (std::size_t j = 1; j <= path.size(); ++j) {
        next[j] = row[j - 1] && path[j - 1] == pattern[i];
      }
    }
    row = std::move(next);
  }
  return row[path.size()];
}

RequestDecision decide_request(const std::vector<NetworkRule>& rules, std::string_view host,
                               const RequestFacts& request) {
  std::string why = "no rule speaks of this host";
  for (const NetworkRule& rule : rules) {
    if (!speaks_of(rule, host)) continue;
    std::string missing = why_refused(rule, request);
    if (missing.empty()) {
      return {.allowed = true,
              .rule = fmt::format("network.rule \"{}\"", rule.host),
              .why = "",
              .max_upload = rule.max_upload};
    }
    why = std::move(missing);
  }
  return {.allowed = false,
          .rule = fmt::format("network.rule \"{}\"", host),
          .why = std::move(why),
          .max_upload = std::nullopt};
}

}  // namespace berm

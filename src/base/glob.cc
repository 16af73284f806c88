#include "base/glob.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

// Matches "[...]" at pattern[at] against c. Sets `next` past the class.
bool class_matches(std::string_view pattern, std::size_t at, char c, std::size_t& next) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size() && (pattern[i] != ']' || first); first = false) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const auto low = static_cast<unsigned char>(pattern[i]);
    auto high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    found = found || (low <= byte && byte <= high);
    ++i;
  }
  next = i + 1;
  return found != negated;
}

// Matches one pattern element (not '*') at pattern[p] against c; sets `next` past the element.
bool element_matches(std::string_view pattern, std::size_t p, char c, std::size_t& next) {
  next = p + 1;
  if (pattern[p] == '?') return true;
  if (pattern[p] == '[') return class_matches(pattern, p, c, next);
  if (pattern[p] == '\\' && p + 1 < pattern.size()) {
    next = p + 2;
    return pattern[p + 1] == c;
  }
  return pattern[p] == c;
}

bool components_match(const std::vector<std::string>& pattern,
                      const std::vector<std::string_view>& path) {
  // The iterative two-pointer match of '*', one level up: "**" is the star, components are the
  // letters. Only the last star needs to be remembered, so there is no exponential case.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string::npos;
  std::size_t star_n = 0;
  while (n < path.size()) {
    if (p < pattern.size() && pattern[p] == "**") {
      star = p++;
      star_n = n;
    } else if (p < pattern.size() && component_matches(pattern[p], path[n])) {
      ++p;
      ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++star_n;
    } else {
      return false;
    }
  }
  // "src/**" means what is below src, not src itself: a trailing ** needs one component.
  const bool needs_more =
      p < pattern.size() && pattern[p] == "**" && p + 1 == pattern.size() && star != p && p > 0;
  if (needs_more) return false;
  while (p < pattern.size() && pattern[p] == "**") ++p;
  return p == pattern.size();
}

bool has_unclosed_class(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '[') {
      std::size_t end = i + 1;
      if (end < pattern.size() && (pattern[end] == '!' || pattern[end] == '^')) ++end;
      if (end < pattern.size() && pattern[end] == ']') ++end;
      // An escaped ']' is one of the class, as for the matcher; reading it otherwise would accept a
      // pattern that never matches, and what it should hide would be seen.
      while (end < pattern.size() && pattern[end] != ']') end += pattern[end] == '\\' ? 2U : 1U;
      if (end >= pattern.size()) return true;
      i = end;
    }
  }
  return !pattern.empty() && pattern.back() == '\\';
}

}  // namespace

bool component_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_n = 0;
  while (n < name.size()) {
    std::size_t next = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_n = n;
    } else if (p < pattern.size() && element_matches(pattern, p, name[n], next)) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_n;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<Glob> Glob::parse(std::string_view pattern) {
  const auto bad = [&](std::string_view why) {
    return failure(Errc::invalid_policy, fmt::format("pattern '{}' {}", pattern, why));
  };
  if (pattern.empty()) return bad("is empty");
  if (pattern.find('\0') != std::string_view::npos) return bad("contains a NUL");
  if (has_unclosed_class(pattern)) return bad("has an unclosed '[' or a trailing '\\'");
  Glob glob;
  glob.text_ = std::string(pattern);
  std::string_view rest = pattern;
  while (rest.starts_with("./")) rest.remove_prefix(2);
  if (rest.starts_with('/')) {
    return bad("is absolute; patterns are relative to the repository root");
  }
  while (rest.size() > 1 && rest.ends_with('/')) rest.remove_suffix(1);
  const bool anywhere = rest.find('/') == std::string_view::npos && rest != "**";
  if (anywhere) glob.components_.emplace_back("**");
  for (const std::string_view part : split(rest, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return bad("has an empty, '.' or '..' component");
    }
    const bool repeated =
        part == "**" && !glob.components_.empty() && glob.components_.back() == "**";
    if (!repeated) glob.components_.emplace_back(part);
  }
  return glob;
}

bool Glob::matches(std::string_view path) const {
  return components_match(components_, split(path, '/'));
}

bool Glob::covers(std::string_view path) const {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    if (matches(path.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
  }
}

bool any_covers(const std::vector<Glob>& globs, std::string_view path) {
  return std::ranges::any_of(globs, [&](const Glob& glob) { return glob.covers(path); });
}

}  // namespace berm

// src/base/glob.h: the path patterns of a policy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

/// A path pattern, relative to the repository root, gitignore-like:
///   *  any characters but '/'        ?  one character but '/'      [a-z] [!a-z]  one of a class
///   ** whole components, any number  \x the character x itself
/// A pattern without '/' matches a name at any depth ("*.pem"); one with '/' is anchored at the
/// root ("src/**"). A pattern that matches a directory covers everything below it.
/// Matching is on bytes and takes time linear in pattern × path (no exponential back-tracking).
class Glob {
 public:
  /// @return Errc::invalid_policy for an empty pattern, '..' components, a NUL, an unclosed '['.
  [[nodiscard]] static Result<Glob> parse(std::string_view pattern);

  /// True if `path` (relative, normal form) or one of its parent directories matches.
  [[nodiscard]] bool covers(std::string_view path) const;

  /// True if `path` itself matches.
  [[nodiscard]] bool matches(std::string_view path) const;

  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  friend bool operator==(const Glob& a, const Glob& b) { return a.text_ == b.text_; }
  friend auto operator<=>(const Glob& a, const Glob& b) { return a.text_ <=> b.text_; }

 private:
  std::string text_;
  std::vector<std::string> components_;  ///< of the anchored pattern; "**" is one of its own
};

/// True if any glob covers `path`.
[[nodiscard]] bool any_covers(const std::vector<Glob>& globs, std::string_view path);

/// True if one component pattern (no '/') matches one name. Exposed for the mask walk, which
/// looks at millions of names.
[[nodiscard]] bool component_matches(std::string_view pattern, std::string_view name);

}  // namespace berm

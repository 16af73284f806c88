// src/base/path.h: absolute paths that know on which side of the wall they are.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berm {

/// True for an absolute path in normal form: no NUL, no "", ".", ".." component, no trailing
/// slash, at most 4095 bytes (PATH_MAX with its NUL).
[[nodiscard]] bool is_normal_path(std::string_view text);

/// True for "a/b/c": relative, no NUL, no "", ".", ".." component, no trailing slash.
[[nodiscard]] bool is_normal_relative(std::string_view text);

/// An absolute path in normal form. HostPath and SandboxPath are unrelated types: only a mount
/// pairs them, so a name that came out of the sandbox cannot be opened on the host by mistake.
template <class Side>
class Path {
 public:
  [[nodiscard]] static Result<Path> parse(std::string_view text) {
    if (is_normal_path(text)) return Path(std::string(text));
    return failure(Errc::usage, "not an absolute path in normal form: '" + std::string(text) + "'");
  }

  [[nodiscard]] const std::string& str() const noexcept { return text_; }

  /// This path with "/name" appended. `name` must be relative and normal.
  [[nodiscard]] Path operator/(std::string_view name) const {
    return Path(text_ == "/" ? "/" + std::string(name) : text_ + "/" + std::string(name));
  }

  [[nodiscard]] std::string name() const { return text_.substr(text_.rfind('/') + 1); }

  [[nodiscard]] Path parent() const {
    const std::size_t slash = text_.rfind('/');
    return Path(slash == 0 ? "/" : text_.substr(0, slash));
  }

  /// True if this is `root` or lies below it.
  [[nodiscard]] bool is_within(const Path& root) const {
    if (root.text_ == "/" || text_ == root.text_) return true;
    return text_.size() > root.text_.size() && text_.starts_with(root.text_) &&
           text_[root.text_.size()] == '/';
  }

  friend auto operator<=>(const Path&, const Path&) = default;

 private:
  explicit Path(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

using HostPath = Path<struct HostSide>;
using SandboxPath = Path<struct SandboxSide>;

/// The sandbox path of the same name. One greppable place where a name crosses the wall
/// outwards-in.
[[nodiscard]] inline SandboxPath same_inside(const HostPath& path) {
  return *SandboxPath::parse(path.str());
}

}  // namespace berm

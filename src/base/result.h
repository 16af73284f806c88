// src/base/result.h: errors as values. The only header that knows tl::expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace berm {

/// What kind of failure this is. Stable: scripts see its name in the JSON output.
/// busy: the same would be done at another time (a quota that is used up, a server that is away).
enum class Errc : std::uint8_t {
  usage,
  invalid_policy,
  unsupported,
  denied,
  kernel,
  busy,
  internal
};

/// Stable lower-case name, e.g. "invalid_policy".
[[nodiscard]] std::string_view name_of(Errc code);

/// Why an operation failed: what we tried, what the kernel said, what the user can do.
struct Error {
  Errc code = Errc::internal;
  std::string what = {};                  ///< "<verb> <object>": no capital, no final period.
  int os_errno = 0;                       ///< errno of the failing call; 0 if no call failed.
  std::string fix = {};                   ///< One imperative sentence; empty: no advice.
  std::vector<std::string> context = {};  ///< Outer operations, innermost first.
};

template <class T>
using Result = tl::expected<T, Error>;

/// The failure of a system call that just set errno.
[[nodiscard]] tl::unexpected<Error> os_error(std::string what, int os_errno);
[[nodiscard]] tl::unexpected<Error> os_error(std::string what);

/// A failure without a system call.
[[nodiscard]] tl::unexpected<Error> failure(Errc code, std::string what, std::string fix = {});

/// One line without the fix: "cannot <what>: <strerror> (<NAME>)".
[[nodiscard]] std::string sentence(const Error& error);

/// What a user reads on stderr, ending in a newline:
///   berm: error: cannot <what>: <strerror> (<NAME>)
///     while: <context>
///     fix:   <fix>
/// A policy error is its own sentence, because it starts with file:line:column.
[[nodiscard]] std::string render(const Error& error);

/// Names the outer operation of a failure; a success passes through untouched.
template <class T>
[[nodiscard]] Result<T> in_context(std::string_view outer, Result<T> result) {
  if (!result) result.error().context.emplace_back(outer);
  return result;
}

template <class T>
T unwrap(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Value of `expr`, or return its Error to our caller. Works for Result<void> too.
#define BERM_TRY(expr)                                    \
  __extension__({                                         \
    auto berm_try = (expr);                               \
    if (!berm_try) [[unlikely]]                           \
      return tl::unexpected(std::move(berm_try).error()); \
    ::berm::unwrap(std::move(berm_try));                  \
  })

}  // namespace berm

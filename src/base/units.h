// src/base/units.h: sizes and times as types, in the spelling of a policy file.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berm {

/// A number of bytes.
struct Bytes {
  std::uint64_t count = 0;
  friend auto operator<=>(Bytes, Bytes) = default;
};

using Milliseconds = std::chrono::milliseconds;

/// Parses "512", "64KiB", "4GiB", "10MB" (powers of 1024 with i, of 1000 without).
/// @return Errc::invalid_policy for no number, an unknown unit, or more than 2^63-1 bytes.
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

/// Parses "90s", "30m", "1h30m", "2d", "250ms". A bare number is refused: of what?
[[nodiscard]] Result<Milliseconds> parse_duration(std::string_view text);

[[nodiscard]] std::string to_text(Bytes bytes);            ///< "4 GiB", "1.5 MiB", "17 B"
[[nodiscard]] std::string to_text(Milliseconds duration);  ///< "1h 30m", "2.4s", "380ms"

/// The shortest spelling that parses back to the same value: "4GiB", "1536MiB", "17".
[[nodiscard]] std::string to_policy_text(Bytes bytes);
[[nodiscard]] std::string to_policy_text(Milliseconds duration);

}  // namespace berm

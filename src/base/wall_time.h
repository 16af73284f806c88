// src/base/wall_time.h: dates as issuers and policies write them. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace berm {

using WallTime = std::chrono::sys_seconds;  ///< UTC

/// RFC 3339 ("2026-11-22T10:00:00Z", "…T10:00:00.25+01:00"; a fraction is cut) or a day
/// ("2026-11-22", its beginning). nullopt for everything else: no date that is in no calendar, no
/// year before 1970 or after 9999.
[[nodiscard]] std::optional<WallTime> parse_wall_time(std::string_view text);

[[nodiscard]] std::string to_text(WallTime time);  ///< "2026-11-22T10:00:00Z"

}  // namespace berm

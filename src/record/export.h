// src/record/export.h: an event in the words of other schemas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berm {

enum class EventFormat : std::uint8_t { native, ocsf, ecs, cef };

/// One line of a record in `format`, without a line feed; native: the line itself.
[[nodiscard]] std::string formatted(EventFormat format, std::string_view line);

}  // namespace berm

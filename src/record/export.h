// src/record/export.h: an event in the words of other schemas (docs/events-formats.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace berm {

enum class EventFormat : std::uint8_t { native, ocsf, ecs, cef };

inline constexpr std::pair<std::string_view, EventFormat> kEventFormats[] = {
    {"native", EventFormat::native},
    {"ocsf", EventFormat::ocsf},  // 1.9.0
    {"ecs", EventFormat::ecs},    // 9.4, nested
    {"cef", EventFormat::cef},    // CEF:0
};
[[nodiscard]] std::optional<EventFormat> event_format_of(std::string_view name);

/// One line of a record in `format`, without a line feed; native: the line itself. One line in is
/// one line out, whatever it holds: what is no event comes as one that carries it as text.
[[nodiscard]] std::string formatted(EventFormat format, std::string_view line);

}  // namespace berm

// src/record/export/cef.h: an event as a line of ArcSight's Common Event Format (CEF:0).
#pragma once

#include <string>
#include <string_view>

namespace berm::formats {

[[nodiscard]] std::string to_cef(std::string_view line);

}  // namespace berm::formats

// src/record/export/ecs.h: an event in the fields of the Elastic Common Schema, 9.4, nested.
#pragma once

#include <string>
#include <string_view>

namespace berm::formats {

[[nodiscard]] std::string to_ecs(std::string_view line);

}  // namespace berm::formats

// src/record/fields.h: the fields of an event, or of a whole record, that may come from anybody:
// any key may be missing, or hold any type.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace berm {

/// null if it is not there, or `object` is none.
[[nodiscard]] const nlohmann::json& member_of(const nlohmann::json& object, const char* key);
/// "" if it is no string.
[[nodiscard]] std::string text_of(const nlohmann::json& object, const char* key);

}  // namespace berm

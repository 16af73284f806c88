#include "record/fields.h"

#include <nlohmann/json.hpp>

namespace berm {

using nlohmann::json;

const json& member_of(const json& object, const char* key) {
  static const json kNothing;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : kNothing;
}

std::string text_of(const json& object, const char* key) {
  const json& found = member_of(object, key);
  return found.is_string() ? found.get<std::string>() : std::string();
}

}  // namespace berm

// src/rules/model/strict_json.h: JSON that every parser reads alike. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berm {

/// Keeps the order of keys: the order of a tool's parameters is part of what the model reads.
using Json = nlohmann::ordered_json;

/// More than real clients need, less than hurts: a value costs up to some 100 bytes of memory.
struct JsonBounds {
  std::size_t bytes = 32U << 20;
  std::size_t depth = 128;
  std::size_t values = 1'000'000;
  std::size_t members = 10'000;  ///< of one object
};

/// Parses one JSON text (RFC 8259) and nothing around it.
/// @return Errc::denied  a key twice in one object (RFC 8259 §4: which one counts is the reader's
///                       choice, so ours and the provider's could differ), invalid UTF-8, a byte
///                       order mark, a NUL, a lone surrogate, a number out of range, bounds.
[[nodiscard]] Result<Json> parse_strict_json(std::string_view text, const JsonBounds& bounds = {});

/// `value` as compact UTF-8 text. `value` came from parse_strict_json().
[[nodiscard]] Result<std::string> to_json_text(const Json& value);

/// The member `key` of an object; nullptr if there is none, if it is null, or `value` is no object.
[[nodiscard]] const Json* member(const Json& value, std::string_view key);
[[nodiscard]] Json* member(Json& value, std::string_view key);

/// The text of a string member; "" if it is none.
[[nodiscard]] std::string_view text_member(const Json& value, std::string_view key);

/// Sets or adds a member of an object.
void set_member(Json& object, std::string_view key, Json value);

/// Removes a member of an object; true if there was one.
bool erase_member(Json& object, std::string_view key);

}  // namespace berm

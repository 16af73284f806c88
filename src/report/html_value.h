// src/report/html_value.h: reading values of any type, and writing them so that a page can hold
// them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace berm::html {

/// The member, or null: `object` may be anything.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, const char* key);
/// A member that is a string, as it is; "" if it is none.
[[nodiscard]] const std::string& raw_text(const nlohmann::json& object, const char* key);
/// The same as printable(), at most `most` bytes and then "…".
[[nodiscard]] std::string text(const nlohmann::json& object, const char* key,
                               std::size_t most = 2000);
/// A member that is a number from 0 to 2^53, else 0: more than that no script can count.
[[nodiscard]] std::uint64_t count(const nlohmann::json& object, const char* key);
[[nodiscard]] bool flag(const nlohmann::json& object, const char* key);
/// Any string, printable and cut.
[[nodiscard]] std::string shown(std::string_view text, std::size_t most);
/// Any value as a person reads it: a string without quotes, the rest indented; at most `most`
/// bytes.
[[nodiscard]] std::string shown_value(const nlohmann::json& value, std::size_t most);

/// Null, "", [] or {}.
[[nodiscard]] bool is_empty(const nlohmann::json& value);
/// An argv, its words by blanks; about `most` bytes.
[[nodiscard]] std::string words_of(const nlohmann::json& argv, std::size_t most);

/// JSON for the inside of a <script> block: no character that HTML's tokenizer acts on in there
/// ("</script", "<!--", "<script": HTML Living Standard, 13.2.5.4), none that ends a line of
/// script.
[[nodiscard]] std::string in_script(const nlohmann::json& value);
/// Text between tags or in a quoted attribute.
[[nodiscard]] std::string in_markup(std::string_view text);

}  // namespace berm::html

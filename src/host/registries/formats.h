// src/host/registries/formats.h: the file formats of package clients, read leniently and bounded.
// Hostile text gives fewer values, never a crash; what the values mean is for who asked. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// One scalar of a TOML or JSON document: {"registries", "mine", "index"} and its text; list
/// positions are "0", "1", …
struct Setting {
  std::vector<std::string> path;
  std::string value;
  bool operator==(const Setting&) const = default;
};
/// nullopt if the text is not TOML, or nested beyond reason.
[[nodiscard]] std::optional<std::vector<Setting>> parse_toml_settings(std::string_view text);
/// nullopt if the text is not JSON.
[[nodiscard]] std::optional<std::vector<Setting>> parse_json_settings(std::string_view text);

/// One "key = value" of an ini file.
struct IniEntry {
  std::string section;
  std::string key;
  std::string value;  ///< continuation lines after '\n'
  bool operator==(const IniEntry&) const = default;
};
enum class IniStyle {
  one_line,  ///< npm: an indented line is a key like any other
  folded,    ///< pip, dnf: an indented line goes on with the value
};
[[nodiscard]] std::vector<IniEntry> parse_ini(std::string_view text, IniStyle style);

/// One element, in the order of the document.
struct XmlElement {
  std::string name;
  std::size_t parent = 0;  ///< index; its own for the first
  std::map<std::string, std::string> attributes;
  std::string text;  ///< trimmed; entities are left as they are
};
/// nullopt if tags do not match, or there are more than a configuration has.
[[nodiscard]] std::optional<std::vector<XmlElement>> parse_xml(std::string_view text);

/// Value without the quotes around it.
[[nodiscard]] std::string_view unquoted(std::string_view text);

/// What stands between the first pair of quotes at or after `from`; "" if none on 200 characters.
[[nodiscard]] std::string_view quoted_after(std::string_view text, std::size_t from);

/// The words of a list that blanks, commas or line feeds separate.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);

}  // namespace berm

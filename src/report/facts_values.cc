#include "report/facts_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/story_events.h"
#include "report/facts.h"

namespace berm::report {

using nlohmann::json;

const json& part_of(const json& value, const char* key) {
  static const json kNothing;
  if (!value.is_object()) return kNothing;
  const auto found = value.find(key);
  return found == value.end() ? kNothing : *found;
}

std::string_view raw_text(const json& value, const char* key) {
  const json& part = part_of(value, key);
  return part.is_string() ? std::string_view(part.get_ref<const std::string&>())
                          : std::string_view();
}

std::uint64_t count_of(const json& value, const char* key) {
  const json& part = part_of(value, key);
  if (part.is_number_unsigned()) return part.get<std::uint64_t>();
  if (!part.is_number_integer()) return 0;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(part.get<std::int64_t>(), 0));
}

std::string shown(std::string_view text, std::size_t most) {
  // Cut before and after: printable() makes one byte four, and must not see a GiB.
  return story::shortened(printable(story::shortened(text, most)), most);
}

std::string shown(const json& value, const char* key, std::size_t most) {
  return shown(raw_text(value, key), most);
}

const json& list_of(const json& value) {
  static const json kNone = json::array();
  return value.is_array() ? value : kNone;
}

std::string words(const json& argv, std::size_t most) {
  std::string out;
  if (!argv.is_array()) return out;
  for (const json& word : argv) {
    if (!out.empty()) out += ' ';
    out += word.is_string() ? story::shortened(word.get_ref<const std::string&>(), most) : "?";
    if (out.size() > most) break;
  }
  return shown(out, most);
}

std::string endpoint(const json& data) {
  const std::string host = shown(data, "host", 260);
  const std::uint64_t port = count_of(data, "port");
  const bool v6 = host.find(':') != std::string::npos;
  if (port == 0) return host;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

// Findings say "line 7 holds …".
std::uint64_t line_in(std::string_view message) {
  if (!message.starts_with("line ")) return 0;
  std::uint32_t line = 0;
  const auto end = std::from_chars(message.data() + 5, message.data() + message.size(), line);
  return end.ec == std::errc() ? line : 0;
}

}  // namespace berm::report

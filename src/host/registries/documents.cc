// TOML and JSON as a flat list: the two libraries stay in this file.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host/registries/formats.h"
#include "policy/reader.h"

namespace berm {
namespace {

constexpr int kMaxDepth = 16;
// toml++ bounds the depth of values, not of dotted keys, and walks both by recursion; a key stands
// on one line.
constexpr auto kMaxDots = 200;

void flatten(const toml::node& node, std::vector<std::string>& path, std::vector<Setting>& out) {
  if (path.size() > kMaxDepth) return;
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      path.emplace_back(key.str());
      flatten(value, path, out);
      path.pop_back();
    }
  } else if (const auto* array = node.as_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      path.push_back(std::to_string(i));
      flatten((*array)[i], path, out);
      path.pop_back();
    }
  } else if (const auto* text = node.as_string()) {
    out.push_back({path, text->get()});
  } else if (const auto* flag = node.as_boolean()) {
    out.push_back({path, flag->get() ? "true" : "false"});
  }
}

void flatten(const nlohmann::json& node, std::vector<std::string>& path,
             std::vector<Setting>& out) {
  if (path.size() > kMaxDepth) return;
  if (node.is_object()) {
    for (const auto& [key, value] : node.items()) {
      path.push_back(key);
      flatten(value, path, out);
      path.pop_back();
    }
  } else if (node.is_array()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      path.push_back(std::to_string(i));
      flatten(node[i], path, out);
      path.pop_back();
    }
  } else if (node.is_string()) {
    out.push_back({path, node.get<std::string>()});
  } else if (node.is_boolean()) {
    out.push_back({path, node.get<bool>() ? "true" : "false"});
  }
}

}  // namespace

std::optional<std::vector<Setting>> parse_toml_settings(std::string_view text) {
  for (const std::string_view line : split(text, '\n')) {
    if (std::ranges::count(line, '.') > kMaxDots) return std::nullopt;
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) return std::nullopt;
  std::vector<Setting> out;
  std::vector<std::string> path;
  flatten(parsed.table(), path, out);
  return out;
}

std::optional<std::vector<Setting>> parse_json_settings(std::string_view text) {
  using nlohmann::json;
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  const json parsed = json::parse(text, shallow, false);
  if (parsed.is_discarded()) return std::nullopt;
  std::vector<Setting> out;
  std::vector<std::string> path;
  flatten(parsed, path, out);
  return out;
}

}  // namespace berm

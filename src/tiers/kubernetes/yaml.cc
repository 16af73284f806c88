#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "tiers/kubernetes/object.h"

namespace berm::kubernetes {
namespace {

using nlohmann::json;

// A key that no reader of YAML 1.1 or 1.2 takes for anything but text.
bool is_plain(const std::string& key) {
  constexpr std::string_view kOthers[] = {"y",   "n",    "yes",   "no",  "on",
                                          "off", "true", "false", "null"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (key.empty() || !letter(key.front())) return false;
  if (std::ranges::find(kOthers, lower(key)) != std::end(kOthers)) return false;
  return std::ranges::all_of(key, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-' || c == '_';
  });
}

void write(std::string& out, const json& value, std::size_t depth, bool in_list);

void write_nested(std::string& out, const json& value, std::size_t depth) {
  if (value.is_structured() && !value.empty()) {
    out += '\n';
    write(out, value, depth, false);
  } else {
    out += ' ' + value.dump() + '\n';  // JSON's scalars are YAML's
  }
}

// `in_list`: the dash stands already, the first line goes on behind it.
void write(std::string& out, const json& value, std::size_t depth, bool in_list) {
  const std::string indent(depth * 2, ' ');
  bool first = in_list;
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      if (!std::exchange(first, false)) out += indent;
      out += (is_plain(key) ? key : json(key).dump()) + ":";
      write_nested(out, member, depth + 1);
    }
    return;
  }
  for (const json& item : value) {
    out += indent + "-";
    if (item.is_object() && !item.empty()) {
      out += ' ';
      write(out, item, depth + 1, true);
    } else {
      write_nested(out, item, depth + 1);
    }
  }
}

}  // namespace

std::string to_yaml(const json& value) {
  std::string out;
  if (value.is_structured() && !value.empty()) {
    write(out, value, 0, false);
  } else {
    out = value.dump() + "\n";
  }
  return out;
}

}  // namespace berm::kubernetes

// [tools]: what the agent may do by its tools.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "policy/parse_parts.h"
#include "policy/tool_rule.h"

namespace berm {
namespace {

// A pattern stands in the layer as it was written: messages quote it.
Result<std::string> tool_pattern(std::string_view text) {
  BERM_TRY(parse_tool_pattern(text));
  return std::string(text);
}

Result<std::string> pack_name(std::string_view text) {
  static const std::vector<std::string> kPacks = ToolPolicy{}.packs;
  if (text == "none" || std::ranges::find(kPacks, text) != kPacks.end()) return std::string(text);
  const std::vector<std::string_view> names(kPacks.begin(), kPacks.end());
  const std::string_view near = nearest(text, names);
  return failure(Errc::invalid_policy,
                 near.empty() ? fmt::format("unknown pack '{}'; one of {}, or \"none\"", text,
                                            fmt::join(kPacks, ", "))
                              : fmt::format("unknown pack '{}'; did you mean '{}'?", text, near));
}

Result<std::string> program(std::string_view text) {
  const bool path = text.starts_with('/');
  const bool odd = text.empty() || text.find("//") != std::string_view::npos ||
                   text.ends_with('/') || (!path && text.find('/') != std::string_view::npos) ||
                   text == "." || text == ".." || text.find("/../") != std::string_view::npos ||
                   text.find("/./") != std::string_view::npos || text.ends_with("/..") ||
                   text.ends_with("/.") || text.find_first_of("*?[") != std::string_view::npos ||
                   text.find('\0') != std::string_view::npos;
  if (!odd) return std::string(text);
  return failure(Errc::invalid_policy,
                 fmt::format("'{}' is no program: write \"ssh\" or \"/usr/bin/ssh\"", text));
}

Result<ToolAction> otherwise_action(std::string_view text) {
  const ToolAction action = BERM_TRY(one_of<ToolAction>("action")(text));
  if (action != ToolAction::report && action != ToolAction::rewrite) return action;
  return failure(Errc::invalid_policy,
                 fmt::format("'otherwise' is allow, ask or deny, not '{}'", text));
}

Result<nlohmann::json> to_json(const toml::node& node, int depth) {
  if (depth > 16) return failure(Errc::invalid_policy, "'rewrite' is nested too deeply");
  if (const auto* table = node.as_table()) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [key, value] : *table) {
      nlohmann::json member = BERM_TRY(to_json(value, depth + 1));
      out[std::string(key.str())] = std::move(member);
    }
    return out;
  }
  if (const auto* array = node.as_array()) {
    nlohmann::json out = nlohmann::json::array();
    for (const toml::node& item : *array) out.push_back(BERM_TRY(to_json(item, depth + 1)));
    return out;
  }
  if (const auto* text = node.as_string()) return nlohmann::json(text->get());
  if (const auto* integer = node.as_integer()) return nlohmann::json(integer->get());
  if (const auto* number = node.as_floating_point()) return nlohmann::json(number->get());
  if (const auto* boolean = node.as_boolean()) return nlohmann::json(boolean->get());
  return failure(Errc::invalid_policy, "'rewrite' holds a date, which JSON does not have");
}

// How deep brackets are nested, outside of strings: nlohmann's parser does not bound it for us, and
// walks what it made by recursion.
bool is_deep(std::string_view json) {
  int depth = 0;
  bool inside = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (inside && c == '\\') {
      ++at;
    } else if (c == '"') {
      inside = !inside;
    } else if (!inside && (c == '{' || c == '[')) {
      if (++depth > 32) return true;
    } else if (!inside && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return false;
}

// An inline table, or the text of a JSON object (where null, which TOML lacks, removes a key).
Result<std::string> rewrite_text(const toml::node& node) {
  nlohmann::json value;
  if (const auto* text = node.as_string()) {
    if (is_deep(text->get()))
      return failure(Errc::invalid_policy, "'rewrite' is nested too deeply");
    value = nlohmann::json::parse(text->get(), nullptr, false);
  } else {
    value = BERM_TRY(to_json(node, 0));
  }
  if (!value.is_object() || value.empty()) {
    return failure(Errc::invalid_policy,
                   "'rewrite' must be a JSON object: { timeout = 60000 } or '{\"timeout\":60000}'");
  }
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

void read_rule(PolicySource& source, const toml::table& table, ToolRule& out) {
  TableReader reader(source, table, "tools.rule");
  const auto match = reader.parsed<std::string>("match", tool_pattern);
  const auto action = reader.parsed<ToolAction>("action", one_of<ToolAction>("action"));
  out.reason = reader.string("reason").value_or("");
  const toml::node* rewrite = reader.node("rewrite");
  reader.finish();
  if (source.error) return;
  if (!match || !action) {
    source.report(table.source().begin, "[[tools.rule]] needs 'match' and 'action'");
    return;
  }
  out.match = *match;
  out.action = *action;
  if ((rewrite != nullptr) != (out.action == ToolAction::rewrite)) {
    source.report(table.source().begin, "action = \"rewrite\" and 'rewrite' belong together");
    return;
  }
  if (rewrite == nullptr) return;
  if (parse_tool_pattern(*match)->subject == ToolSubject::exec) {
    source.report(table.source().begin,
                  "a program that is started cannot be rewritten, only a call");
    return;
  }
  Result<std::string> text = rewrite_text(*rewrite);
  if (!text) {
    source.report(rewrite->source().begin, text.error().what);
  } else {
    out.rewrite = *std::move(text);
  }
}

void read_rules(PolicySource& source, TableReader& reader, std::vector<ToolRule>& out) {
  constexpr std::pair<const char*, ToolAction> kLists[] = {{"allow", ToolAction::allow},
                                                           {"deny", ToolAction::deny},
                                                           {"ask", ToolAction::ask},
                                                           {"report", ToolAction::report}};
  for (const auto& [key, action] : kLists) {
    const auto patterns = reader.parsed_list<std::string>(key, tool_pattern);
    if (!patterns) continue;
    for (const std::string& match : *patterns) out.push_back({.action = action, .match = match});
  }
  const toml::array* rules = reader.array("rule");
  if (rules == nullptr) return;
  for (const toml::node& node : *rules) {
    const auto* rule = node.as_table();
    if (rule == nullptr) source.report(node.source().begin, "[[tools.rule]] must be a table");
    if (source.error) return;
    read_rule(source, *rule, out.emplace_back());
  }
}

void read_packs(PolicySource& source, const toml::table& table, TableReader& reader,
                PolicyLayer::Tools& out) {
  out.packs = reader.parsed_list<std::string>("packs", pack_name);
  if (!out.packs || std::ranges::find(*out.packs, "none") == out.packs->end()) return;
  if (out.packs->size() > 1) {
    source.report(table.get("packs")->source().begin, "\"none\" contradicts a list of packs");
    return;
  }
  out.packs->clear();
}

}  // namespace

void read_tools(PolicySource& source, const toml::table& table, PolicyLayer::Tools& out) {
  TableReader reader(source, table, "tools");
  read_rules(source, reader, out.rules);
  read_packs(source, table, reader, out);
  out.on_match = reader.parsed<ToolMatch>("on_match", one_of<ToolMatch>("answer"));
  out.on_unclear = reader.parsed<ToolMatch>("on_unclear", one_of<ToolMatch>("answer"));
  out.otherwise = reader.parsed<ToolAction>("otherwise", otherwise_action);
  out.prompts = reader.parsed<PromptDetail>("prompts", one_of<PromptDetail>("detail of prompts"));
  out.bypass_permissions = reader.boolean("bypass_permissions");
  out.unhooked = reader.boolean("unhooked");
  out.programs_absent = reader.parsed_list<std::string>("programs_absent", program);
  out.on_anomaly = reader.parsed<AnomalyResponse>("on_anomaly", one_of<AnomalyResponse>("answer"));
  out.repeated_failures = reader.unsigned_number("repeated_failures");
  out.exec_rate = reader.unsigned_number("exec_rate");
  out.call_rate = reader.unsigned_number("call_rate");
  out.request_rate = reader.unsigned_number("request_rate");
  out.output_rate = reader.parsed<Bytes>("output_rate", positive_bytes);
  reader.finish();
}

}  // namespace berm

#include "policy/merge_tools.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/merge_values.h"

namespace berm {
namespace {

template <class T>
void replace(T& target, const std::optional<T>& value) {
  if (value) target = *value;
}

bool binds(const ToolRule& rule) {
  return rule.action == ToolAction::deny || rule.action == ToolAction::ask ||
         rule.action == ToolAction::report;
}

bool is_stricter(ToolMatch a, ToolMatch b) { return a < b; }
bool is_stricter(ToolAction a, ToolAction b) { return a > b; }
bool is_stricter(AnomalyResponse a, AnomalyResponse b) { return a > b; }
bool is_stricter(PromptDetail a, PromptDetail b) { return a < b; }
bool is_stricter(bool a, bool b) { return !a && b; }

std::string_view text_of(bool value) { return value ? "true" : "false"; }
template <class E>
std::string_view text_of(E value) {
  return spelling(value);
}

// Raises `value` to the ceiling's strictness, with a sentence for the report.
template <class T>
void at_least(T& value, const std::optional<T>& ceiling, std::string_view key,
              std::vector<std::string>& notes) {
  if (!ceiling || !is_stricter(*ceiling, value)) return;
  notes.push_back(
      fmt::format("{} tightened from {} to {}", key, text_of(value), text_of(*ceiling)));
  value = *ceiling;
}

}  // namespace

void overlay_tools(ToolPolicy& tools, const PolicyLayer::Tools& layer) {
  for (const ToolRule& rule : layer.rules) {
    // A repetition says nothing new, but an allow behind its own deny is still read.
    if (std::ranges::find(tools.rules, rule) == tools.rules.end()) tools.rules.push_back(rule);
  }
  replace(tools.packs, layer.packs);
  replace(tools.on_match, layer.on_match);
  replace(tools.on_unclear, layer.on_unclear);
  replace(tools.otherwise, layer.otherwise);
  replace(tools.prompts, layer.prompts);
  replace(tools.bypass_permissions, layer.bypass_permissions);
  replace(tools.unhooked, layer.unhooked);
  add(tools.programs_absent, layer.programs_absent);
  replace(tools.on_anomaly, layer.on_anomaly);
  replace(tools.repeated_failures, layer.repeated_failures);
  replace(tools.exec_rate, layer.exec_rate);
  replace(tools.call_rate, layer.call_rate);
  replace(tools.request_rate, layer.request_rate);
  replace(tools.output_rate, layer.output_rate);
}

void tighten_tools(ToolPolicy& tools, const PolicyLayer::Tools& ceiling,
                   std::vector<std::string>& notes) {
  std::vector<ToolRule> front;
  for (const ToolRule& rule : ceiling.rules) {
    if (!binds(rule)) continue;
    std::erase(tools.rules, rule);
    add_missing(front, {rule});
  }
  tools.rules.insert(tools.rules.begin(), front.begin(), front.end());
  tools.bounded = tools.bounded || ceiling.packs || ceiling.on_match || ceiling.on_unclear;
  add(tools.packs, ceiling.packs);
  add(tools.programs_absent, ceiling.programs_absent);
  at_least(tools.on_match, ceiling.on_match, "tools.on_match", notes);
  at_least(tools.on_unclear, ceiling.on_unclear, "tools.on_unclear", notes);
  at_least(tools.otherwise, ceiling.otherwise, "tools.otherwise", notes);
  at_least(tools.prompts, ceiling.prompts, "tools.prompts", notes);
  at_least(tools.bypass_permissions, ceiling.bypass_permissions, "tools.bypass_permissions", notes);
  at_least(tools.unhooked, ceiling.unhooked, "tools.unhooked", notes);
  at_least(tools.on_anomaly, ceiling.on_anomaly, "tools.on_anomaly", notes);
  const auto number = [](std::uint64_t n) { return fmt::format("{}", n); };
  lower_to(tools.repeated_failures, ceiling.repeated_failures, "tools.repeated_failures", number,
           notes);
  lower_to(tools.exec_rate, ceiling.exec_rate, "tools.exec_rate", number, notes);
  lower_to(tools.call_rate, ceiling.call_rate, "tools.call_rate", number, notes);
  lower_to(tools.request_rate, ceiling.request_rate, "tools.request_rate", number, notes);
  lower_to(
      tools.output_rate, ceiling.output_rate, "tools.output_rate",
      [](Bytes bytes) { return to_text(bytes); }, notes);
}

bool tools_within(const ToolPolicy& tools, const PolicyLayer::Tools& ceiling) {
  ToolPolicy held = tools;
  std::vector<std::string> notes;
  tighten_tools(held, ceiling, notes);
  return held == tools;
}

}  // namespace berm

#include "plan/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "plan/mounts.h"

namespace berm {
namespace {

using nlohmann::json;

template <class E>
E enum_from(const json& value) {
  for (const auto& [name, candidate] : names(E{})) {
    if (value == name) return candidate;
  }
  throw json::other_error::create(501, "no such word", &value);
}

json rule_to_json(const ToolRule& rule) {
  return {{"action", spelling(rule.action)},
          {"match", rule.match},
          {"reason", rule.reason},
          {"rewrite", rule.rewrite}};
}

ToolRule rule_from_json(const json& in) {
  return {.action = enum_from<ToolAction>(in.at("action")),
          .match = in.at("match"),
          .reason = in.at("reason"),
          .rewrite = in.at("rewrite")};
}

}  // namespace

ToolPlan plan_tools(const Policy& policy, const AgentFacts& agent) {
  return {.policy = policy.tools,
          .home = std::string(kAgentHome),
          .hooked = agent.hooked,
          .expected = agent.hooked && agent.hooks_hold && !policy.tools.unhooked,
          .telemetry_port = agent.telemetry_port};
}

std::vector<std::string> tool_weaknesses(const ToolPlan& tools) {
  std::vector<std::string> out;
  if (!tools.hooked) return out;
  if (!tools.expected) {
    out.emplace_back(
        "tools.unhooked: the agent may run tools without asking berm first; what it starts is "
        "still "
        "judged when it starts");
  }
  if (tools.policy.on_match == ToolMatch::report) {
    out.emplace_back("tools.on_match = \"report\": what a pack finds is only told");
  }
  if (tools.policy.on_unclear == ToolMatch::report) {
    out.emplace_back("tools.on_unclear = \"report\": commands that are not understood may run");
  }
  return out;
}

Result<void> check_skipped_prompts(const Plan& plan, const AgentFacts& agent) {
  if (!agent.skips_prompts) return {};
  const auto gap = std::ranges::find(plan.layers, Strength::absent, &LayerReport::strength);
  if (gap == plan.layers.end()) return {};
  return failure(Errc::unsupported,
                 fmt::format("let the agent skip its own prompts: the layer '{}' is not enforced "
                             "here ({})",
                             spelling(gap->layer), gap->how),
                 "run it with --permission-mode default, or see 'berm doctor'");
}

json tool_policy_to_json(const ToolPolicy& policy) {
  json rules = json::array();
  for (const ToolRule& rule : policy.rules) rules.push_back(rule_to_json(rule));
  return {{"rules", std::move(rules)},
          {"packs", policy.packs},
          {"on_match", spelling(policy.on_match)},
          {"on_unclear", spelling(policy.on_unclear)},
          {"otherwise", spelling(policy.otherwise)},
          {"bounded", policy.bounded},
          {"prompts", spelling(policy.prompts)},
          {"bypass_permissions", policy.bypass_permissions},
          {"unhooked", policy.unhooked},
          {"programs_absent", policy.programs_absent},
          {"on_anomaly", spelling(policy.on_anomaly)},
          {"repeated_failures", policy.repeated_failures},
          {"exec_rate", policy.exec_rate},
          {"call_rate", policy.call_rate},
          {"request_rate", policy.request_rate},
          {"output_rate", policy.output_rate.count}};
}

ToolPolicy tool_policy_from_json(const json& in) {
  ToolPolicy out;
  for (const json& rule : in.at("rules")) out.rules.push_back(rule_from_json(rule));
  out.packs = in.at("packs").get<std::vector<std::string>>();
  out.on_match = enum_from<ToolMatch>(in.at("on_match"));
  out.on_unclear = enum_from<ToolMatch>(in.at("on_unclear"));
  out.otherwise = enum_from<ToolAction>(in.at("otherwise"));
  out.bounded = in.at("bounded");
  out.prompts = enum_from<PromptDetail>(in.at("prompts"));
  out.bypass_permissions = in.at("bypass_permissions");
  out.unhooked = in.at("unhooked");
  out.programs_absent = in.at("programs_absent").get<std::vector<std::string>>();
  out.on_anomaly = enum_from<AnomalyResponse>(in.at("on_anomaly"));
  out.repeated_failures = in.at("repeated_failures");
  out.exec_rate = in.at("exec_rate");
  out.call_rate = in.at("call_rate");
  out.request_rate = in.at("request_rate");
  out.output_rate = Bytes{in.at("output_rate").get<std::uint64_t>()};
  return out;
}

std::string tools_text(const ToolPlan& tools) {
  std::string packs;
  for (const std::string& pack : tools.policy.packs) {
    packs += (packs.empty() ? "" : ", ") + printable(pack);
  }
  std::string out =
      fmt::format("Tools      {}; packs {} ({}); not understood: {}; else {}\n",
                  tools.expected ? "asked at the hook and at execve"
                  : tools.hooked ? "asked at the hook if the agent asks, and at execve"
                                 : "judged at execve",
                  packs.empty() ? "none" : packs, spelling(tools.policy.on_match),
                  spelling(tools.policy.on_unclear), spelling(tools.policy.otherwise));
  for (const ToolRule& rule : tools.policy.rules) {
    out += fmt::format("  {:<8} {}\n", spelling(rule.action), printable(rule.match));
  }
  return out;
}

}  // namespace berm

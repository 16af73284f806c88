// src/plan/tools.h: the part of a plan that is about tool calls.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "plan/make_plan.h"

namespace berm {

/// Where hooks find the judge of tool calls, inside.
inline constexpr std::string_view kToolSocket = "/run/berm/tool.sock";

[[nodiscard]] ToolPlan plan_tools(const Policy& policy, const AgentFacts& agent);
[[nodiscard]] std::vector<std::string> tool_weaknesses(const ToolPlan& tools);

/// An agent that asks nobody before it acts runs only behind every layer.
/// @return Errc::unsupported with the layer that is absent.
[[nodiscard]] Result<void> check_skipped_prompts(const Plan& plan, const AgentFacts& agent);

[[nodiscard]] nlohmann::json tool_policy_to_json(const ToolPolicy& policy);
/// @throws nlohmann::json::exception where a member is missing or of another type.
[[nodiscard]] ToolPolicy tool_policy_from_json(const nlohmann::json& in);

/// For `berm plan`.
[[nodiscard]] std::string tools_text(const ToolPlan& tools);

}  // namespace berm

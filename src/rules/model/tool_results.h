// src/rules/model/tool_results.h: which tools ran, by what the agent tells its model. Pure.
#pragma once

#include <vector>

#include "rules/model/request.h"
#include "rules/model/strict_json.h"

namespace berm {

/// The results of tool calls in the body of a request, in its order. What it cannot read it leaves
/// out: this is for the record and for noticing silent hooks, no check of the request.
[[nodiscard]] std::vector<ToolResult> tool_results_in(ModelApi api, const Json& body);

}  // namespace berm

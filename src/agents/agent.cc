#include "agents/agent.h"

#include "agents/claude.h"

namespace berm {

std::optional<AgentKind> agent_named(std::string_view name) {
  for (const auto& [spelling, kind] : names(AgentKind{})) {
    if (spelling == name && kind != AgentKind::none) return kind;
  }
  return std::nullopt;
}

PolicyLayer profile_layer(AgentKind kind) {
  if (kind == AgentKind::claude) return claude_profile();
  return {};
}

Result<AgentFacts> prepare_agent(const AgentRequest& request) {
  if (request.kind == AgentKind::claude) return prepare_claude(request);
  if (request.kind != AgentKind::none) {
    return failure(
        Errc::usage,
        std::string("agent '") + std::string(spelling(request.kind)) + "' has no profile yet",
        "run it as a plain command: berm run -- " + std::string(spelling(request.kind)) + " …");
  }
  if (request.arguments.empty()) {
    return failure(Errc::usage, "no command was given", "berm run -- COMMAND [ARGS…]");
  }
  return AgentFacts{.kind = AgentKind::none, .argv = request.arguments};
}

}  // namespace berm

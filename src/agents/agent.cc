#include "agents/agent.h"

#include "agents/claude.h"
#include "agents/codex.h"
#include "agents/gemini.h"
#include "agents/opencode.h"

namespace berm {

std::optional<AgentKind> agent_named(std::string_view name) {
  for (const auto& [spelling, kind] : names(AgentKind{})) {
    if (spelling == name && kind != AgentKind::none) return kind;
  }
  return std::nullopt;
}

PolicyLayer profile_layer(AgentKind kind) {
  switch (kind) {
    case AgentKind::claude:
      return claude_profile();
    case AgentKind::codex:
      return codex_profile();
    case AgentKind::gemini:
      return gemini_profile();
    case AgentKind::opencode:
      return opencode_profile();
    case AgentKind::none:
      break;
  }
  return {};
}

Result<AgentFacts> prepare_agent(const AgentRequest& request) {
  switch (request.kind) {
    case AgentKind::claude:
      return prepare_claude(request);
    case AgentKind::codex:
      return prepare_codex(request);
    case AgentKind::gemini:
      return prepare_gemini(request);
    case AgentKind::opencode:
      return prepare_opencode(request);
    case AgentKind::none:
      break;
  }
  if (request.arguments.empty()) {
    return failure(Errc::usage, "no command was given", "berm run -- COMMAND [ARGS…]");
  }
  return AgentFacts{.kind = AgentKind::none, .argv = request.arguments};
}

}  // namespace berm

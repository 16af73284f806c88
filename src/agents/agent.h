// src/agents/agent.h: what each coding agent needs to run under berm.
#pragma once

#include <string>
#include <vector>

#include "plan/make_plan.h"
#include "policy/policy.h"

namespace berm {

/// What the user asked for on the command line.
struct AgentRequest {
  AgentKind kind = AgentKind::none;
  std::vector<std::string> arguments;  ///< after the agent's name; for `none` the whole command
  std::string directory;               ///< where the user stands: node_modules is searched upwards
  std::string repository;              ///< its root: nothing in it is the agent's program
  std::string path;                    ///< the caller's PATH
  bool interactive = false;
  ToolPolicy tools = {};
  bool can_ask = false;  ///< a decision "ask" is put to somebody
  Places places = {};    ///< where the run will find what is put there for it
  TierChoice tier = TierChoice::namespaces;
};

/// The policy layer of the profile: hosts, variables, credentials the agent cannot work without.
[[nodiscard]] PolicyLayer profile_layer(AgentKind kind);

/// Finds the agent's program and decides flags, variables and files.
/// @return Errc::usage if the program is not found, with the place where berm looked.
[[nodiscard]] Result<AgentFacts> prepare_agent(const AgentRequest& request);

/// The name on the command line ("claude") to a kind; nullopt if it is none.
[[nodiscard]] std::optional<AgentKind> agent_named(std::string_view name);

}  // namespace berm

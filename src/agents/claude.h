// src/agents/claude.h: Claude Code. Facts: its documentation as of client 2.1.330.
#pragma once

#include "agents/agent.h"

namespace berm {

[[nodiscard]] PolicyLayer claude_profile();
[[nodiscard]] Result<AgentFacts> prepare_claude(const AgentRequest& request);

/// What the managed settings depend on.
struct ClaudeSettings {
  std::uint16_t model_port = 0;
  std::uint16_t telemetry_port = 0;
  bool bypass_permissions = true;
  bool can_ask = false;            ///< somebody is at the terminal: a hook may take its time
  std::string berm = "/run/berm";  ///< where the hook client lies
  bool managed = true;             ///< else they are given by a flag, and so are the servers
};

/// The managed settings that berm lays into the sandbox's own /etc/claude-code. They win over every
/// file of the repository; a client that cannot read them refuses to start.
[[nodiscard]] std::string claude_managed_settings(const ClaudeSettings& wanted);

/// True if that client blocks a tool whose hook failed ("onFailure": since 2.1.310).
[[nodiscard]] bool claude_hooks_hold(std::string_view version);

}  // namespace berm

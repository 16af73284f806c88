// src/agents/claude.h: Claude Code. Facts: its documentation as of client 2.1.330.
#pragma once

#include "agents/agent.h"

namespace berm {

[[nodiscard]] PolicyLayer claude_profile();
[[nodiscard]] Result<AgentFacts> prepare_claude(const AgentRequest& request);

/// The managed settings that berm lays into the sandbox's own /etc/claude-code. They win over every
/// file of the repository; a client that cannot read them refuses to start.
[[nodiscard]] std::string claude_managed_settings(std::uint16_t model_port);

}  // namespace berm

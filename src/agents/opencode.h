// src/agents/opencode.h: opencode. Facts: the client 1.18.33, its strings and its behaviour.
#pragma once

#include "agents/agent.h"

namespace berm {

/// The provider is Anthropic, or OpenAI where the caller has a key of that one only.
[[nodiscard]] PolicyLayer opencode_profile();
[[nodiscard]] Result<AgentFacts> prepare_opencode(const AgentRequest& request);

/// /etc/opencode/opencode.json, the managed configuration: read last, and so above all others.
/// `provider` is "anthropic" or "openai".
[[nodiscard]] std::string opencode_managed_config(std::string_view provider);

/// The plugin that asks the hook client before each tool, and fails closed.
[[nodiscard]] std::string opencode_plugin();

/// The command line after the program: a bare prompt becomes `run`, which asks nobody.
[[nodiscard]] std::vector<std::string> opencode_arguments(const std::vector<std::string>& given,
                                                          bool interactive);

}  // namespace berm

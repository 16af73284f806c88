// src/agents/codex.h: OpenAI's Codex CLI. Facts: the client 0.169.0, its strings and its behaviour.
#pragma once

#include "agents/agent.h"

namespace berm {

[[nodiscard]] PolicyLayer codex_profile();
[[nodiscard]] Result<AgentFacts> prepare_codex(const AgentRequest& request);

/// /etc/codex/requirements.toml: the client's hooks, which are trusted because they are managed,
/// and no others; what configuration may say at most. A client that cannot read it ends with an
/// error.
[[nodiscard]] std::string codex_requirements();

/// /etc/codex/managed_config.toml: stands above flags, the user's and the project's configuration.
/// `repository` is the root of the working tree: its own configuration is not trusted.
[[nodiscard]] std::string codex_managed_config(std::string_view repository);

/// The command line after the program: a bare prompt becomes `exec`, which asks nobody.
[[nodiscard]] std::vector<std::string> codex_arguments(const std::vector<std::string>& given,
                                                       bool interactive);

}  // namespace berm

// src/agents/gemini.h: Google's Gemini CLI. Facts: the client 0.61.0 and its bundled documentation.
#pragma once

#include "agents/agent.h"

namespace berm {

[[nodiscard]] PolicyLayer gemini_profile();
[[nodiscard]] Result<AgentFacts> prepare_gemini(const AgentRequest& request);

/// ~/.gemini/settings.json. A workspace's settings would stand above them, and its hooks beside
/// them: that is why its .gemini is hidden.
[[nodiscard]] std::string gemini_settings();

/// The command line after the program: a bare prompt becomes `--prompt`, which asks nobody.
[[nodiscard]] std::vector<std::string> gemini_arguments(const std::vector<std::string>& given,
                                                        bool interactive);

}  // namespace berm

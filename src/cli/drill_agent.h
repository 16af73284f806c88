// src/cli/drill_agent.h: `berm drill --agent`: the user's own client with a malicious model.
#pragma once

#include <string>
#include <vector>

namespace berm {

struct DrillAgentOptions {
  std::string agent;              ///< "claude", "codex"
  std::vector<std::string> only;  ///< ids of scenarios; empty = all
  bool ci_subset = false;
  bool json = false;
  std::string junit;  ///< file to write; "" = none
  std::string html;
};
/// @return 0 all contained · 1 any escaped · 3 any inconclusive, none escaped · 125 set-up failed
[[nodiscard]] int drill_agent(const DrillAgentOptions& options);

}  // namespace berm

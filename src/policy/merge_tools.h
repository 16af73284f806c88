// src/policy/merge_tools.h: the [tools] of two layers become one. Only merge.cc includes it.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// Takes over what `layer` says: its rules stand behind those that are there, single values and
/// the list of packs replace.
void overlay_tools(ToolPolicy& tools, const PolicyLayer::Tools& layer);

/// Holds `tools` to the ceiling: its deny, ask and report rules stand in front and an allow of
/// another layer cannot set them aside (deny and ask win over every allow), its packs are asked
/// too, answers are at least as strict. Its allow and rewrite rules are its own affair: a ceiling
/// grants nothing.
void tighten_tools(ToolPolicy& tools, const PolicyLayer::Tools& ceiling,
                   std::vector<std::string>& notes);

/// True if tighten_tools() would change nothing.
[[nodiscard]] bool tools_within(const ToolPolicy& tools, const PolicyLayer::Tools& ceiling);

}  // namespace berm

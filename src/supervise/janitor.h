// src/supervise/janitor.h: the process that removes control groups when berm cannot.
#pragma once

#include <string>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// Starts `init --janitor DIRECTORIES…` and returns the descriptor it waits for: when the last copy is
/// closed, by us or by our death, it removes those that exist (init/janitor.h). It is not waited for; it
/// ends when we are gone, and belongs to the system's init then.
[[nodiscard]] Result<UniqueFd> start_janitor(const std::string& init, const std::vector<std::string>& directories);

}  // namespace berm

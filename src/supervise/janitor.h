// src/supervise/janitor.h: the process that removes control groups when berm cannot.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace berm {

/// Starts `init --janitor DIRECTORIES…`, which waits for the end of this process and then removes
/// those that exist, killing what is in them (init/janitor.h). It holds one end of a pipe whose
/// other end nobody closes but the kernel: one of the groups may be our own. It is not waited for;
/// it belongs to the system's init then.
/// @return its pid.
[[nodiscard]] Result<pid_t> start_janitor(const std::string& init,
                                          const std::vector<std::string>& directories);

}  // namespace berm

// src/supervise/janitor.h: the process that removes control groups when berm cannot.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// It waits for the end of `alive`: when the last copy is closed, by us or by our death, it removes the
/// directories that exist (init/janitor.h). It is not waited for; it ends when we are gone, and belongs to
/// the system's init then.
struct Janitor {
  UniqueFd alive;
  pid_t pid = 0;
};
/// Starts `init --janitor DIRECTORIES…`.
[[nodiscard]] Result<Janitor> start_janitor(const std::string& init, const std::vector<std::string>& directories);

}  // namespace berm

// src/egress/confine.h: what the egress process gives up before the first byte from inside.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace berm {

/// Gives up root (for `uid`, unless 0), tracing, new privileges, every file (Landlock without any
/// rule, where the kernel has it) and every system call but those on sockets, pipes, threads and
/// memory (seccomp); then tries to open and to execute. Threads started later are confined alike.
/// @return an Error if a layer could not be had, or did not hold: the process must end.
[[nodiscard]] Result<void> confine_egress(std::uint32_t uid);

}  // namespace berm

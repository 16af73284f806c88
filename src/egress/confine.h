// src/egress/confine.h: what the egress process gives up before the first byte from inside.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace berm {

/// Raises the limit on descriptors as far as it goes, and tells how many connections one table then
/// holds: two descriptors each, less what listeners, pipes and queries need. Before
/// confine_egress().
[[nodiscard]] std::size_t raise_connection_limit();

/// Gives up root (for `uid`, unless 0), tracing, new privileges, every file (Landlock without any
/// rule, where the kernel has it) and every system call but those on sockets, pipes, threads and
/// memory (seccomp); then tries to open and to execute. Threads started later are confined alike.
/// @return an Error if a layer could not be had, or did not hold: the process must end.
[[nodiscard]] Result<void> confine_egress(std::uint32_t uid);

}  // namespace berm

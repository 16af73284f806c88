// src/sys/borrow.h: a descriptor of another process, as one of ours.
#pragma once

#include <sys/types.h>

#include "sys/fd.h"

namespace berm {

/// pidfd_getfd(2): what happens to it happens to the other's, flags and all.
/// @param pid  a process, not a thread
/// @return empty, with errno, if there is none, or the kernel refuses.
[[nodiscard]] UniqueFd borrow_descriptor(pid_t pid, int number);

/// 0 if this process may borrow at all, else the errno of trying it on itself. The default seccomp
/// profiles of Docker, containerd and Podman keep pidfd_getfd(2) for CAP_SYS_PTRACE.
[[nodiscard]] int borrowing_error();

}  // namespace berm

// src/supervise/borrowed.h: a descriptor of a process of the run, as one of ours.
#pragma once

#include <sys/types.h>

#include "sys/fd.h"

namespace berm {

/// pidfd_getfd(2): what happens to it happens to the caller's, flags and all. Empty, with errno, if
/// it is none, or the process is gone.
[[nodiscard]] UniqueFd borrow_descriptor(pid_t tid, int number);

}  // namespace berm

// src/sys/locked_memory.h: pages for secrets.
#pragma once

#include <string>

namespace berm {

/// Gives each Secret made from now on pages of its own: never swapped (mlock), in no core dump
/// (MADV_DONTDUMP), zero in a forked child (MADV_WIPEONFORK: children exec, or get their secrets
/// through a socket), and between two pages that may not be touched, so that an overrun of a
/// neighbour ends the program. Call it first in main, while there is one thread.
void lock_secrets();

/// No core dump of this process, and nobody of the same user looks into it (PR_SET_DUMPABLE): as
/// soon as it holds a secret, and after the identity of a sandbox was set up, which needs the
/// process' files in /proc to be its user's. Children inherit the limit.
void forbid_dumps();

/// What could not be had, in one sentence for the user; "" if everything was. Unlocked secrets are
/// not refused: RLIMIT_MEMLOCK is 64 KiB or 0 in many containers, and swap there is the host's.
[[nodiscard]] std::string locked_memory_note();

}  // namespace berm

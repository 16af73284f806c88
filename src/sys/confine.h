// src/sys/confine.h: a process of ours that reads hostile bytes gives up everything it does not
// need.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>

#include "base/result.h"

namespace berm {

/// Whether a process ends when its parent does, or has something left to do.
enum class Orphan { dies, goes_on };

/// Takes on `uid` (0: stays), becomes non-dumpable, dies with its parent, opens no file from now on
/// (Landlock), and makes only the system calls of `filter`; then tries what must fail.
/// @return Errc::kernel  a step failed; Errc::denied  one of the acts still works.
[[nodiscard]] Result<void> confine_process(std::span<const sock_filter> filter, std::uint32_t uid,
                                           Orphan orphan = Orphan::dies);

}  // namespace berm

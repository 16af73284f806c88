// src/supervise/sample.h: what a run uses now, read from outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"

namespace berm {

/// One look at the process tree below PID 1 of a run.
struct TreeSample {
  std::uint64_t processes = 0;  ///< without PID 1
  Bytes memory;                 ///< anonymous memory of all of them
  pid_t largest = 0;            ///< host pid of the one with the most memory
  std::string largest_name;     ///< its comm, e.g. "node"
  std::vector<pid_t> pids;      ///< host pids
};
/// Walks /proc/PID/task/*/children from `init` (proc(5)). Orphans are PID 1's children, so nobody
/// is missed but those forked during the walk.
[[nodiscard]] TreeSample sample_tree(pid_t init);

/// Files that have no name any more but are held open by `pids`, each counted once: on a disk they
/// count for the disk limit, in memory (memfd, tmpfs) for the memory limit. A walk of directories
/// sees neither.
struct NamelessSample {
  Bytes disk;
  Bytes memory;
};
[[nodiscard]] NamelessSample sample_nameless(const std::vector<pid_t>& pids);

/// Bytes that a directory tree occupies (st_blocks), links not followed. `unreadable` is set when
/// a directory could not be entered, so the sum is a lower bound.
struct DiskSample {
  Bytes used;
  bool unreadable = false;
};
[[nodiscard]] DiskSample sample_disk(const std::string& directory);

/// Free bytes of the file system that holds `directory`.
[[nodiscard]] Bytes free_space(const std::string& directory);

}  // namespace berm

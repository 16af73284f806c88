// src/sys/cgroup.h: one control group for one run, v2 or v1, gone when its owner goes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "sys/fd.h"

namespace berm {

/// Where groups may be made, by controller; "" where they may not. For v2 all three are the same.
struct CgroupParents {
  bool v2 = false;
  bool scope = false;  ///< v2, below a scope that systemd starts for this run
  std::string memory;
  std::string pids;
  std::string cpu;
};

struct CgroupLimits {
  Bytes memory;
  std::uint64_t processes = 0;
  double cpus = 0;
};

/// How often the kernel had to enforce a limit.
struct CgroupHits {
  std::uint64_t oom_kills = 0;
  std::uint64_t pids_max = 0;
};

/// The groups of one run. Dropping it kills what is inside and removes them.
class RunCgroup {
 public:
  RunCgroup() = default;
  /// The directories that create() will make, for whoever must know them before they exist.
  [[nodiscard]] static std::vector<std::string> planned(const CgroupParents& parents,
                                                        const std::string& name);

  /// Makes the groups and sets the limits.
  /// @post  Reaching the memory limit kills every process of the run at once (v2: memory.oom.group;
  ///        v1: the supervisor does it): an agent that lost one child to the OOM killer reports
  ///        success for work it did not do.
  /// @see   Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst
  ///
  /// v2 allows no process beside child groups, so we and `keeper`, a process of ours that outlives
  /// us, move into a leaf of their own first. With `scope` nothing is made before attach().
  [[nodiscard]] static Result<RunCgroup> create(const CgroupParents& parents,
                                                const std::string& name, const CgroupLimits& limits,
                                                pid_t keeper);
  /// The groups that a container engine put `pid` into: looked at, frozen and let go,
  /// never removed.
  [[nodiscard]] static RunCgroup made_by_engine(pid_t pid);
  RunCgroup(RunCgroup&& other) noexcept { *this = std::move(other); }
  RunCgroup& operator=(RunCgroup&& other) noexcept;
  ~RunCgroup();

  /// What is cloned between these two is born under the limits. Moving another process afterwards
  /// takes the kernel's global lock, which waits for an RCU grace period (4–15 ms); a thread that
  /// moves itself does not (kernel/cgroup/cgroup.c, cgroup_procs_write_start). v1: the calling
  /// thread goes in and out again. v2: clone3(CLONE_INTO_CGROUP) with group().
  [[nodiscard]] Result<void> enter() const;
  [[nodiscard]] Result<void> leave() const;
  /// The v2 group for clone3(2); -1 where there is none.
  [[nodiscard]] int group() const { return group_.get(); }

  /// With `scope`: has systemd start one that holds `pid` and the keeper; else there is nothing
  /// left to do.
  [[nodiscard]] Result<void> attach(pid_t pid);
  /// Stops every process of the run, or lets them go on; SIGKILL ends a stopped one. v2 only, else
  /// nothing happens.
  void freeze(bool frozen) const;
  [[nodiscard]] CgroupHits hits() const;
  [[nodiscard]] Bytes memory_now() const;
  [[nodiscard]] Bytes memory_peak() const;
  [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

 private:
  Result<void> start_scope(pid_t pid);

  std::vector<std::string> directories_;
  bool v2_ = false;
  bool ours_ = true;
  UniqueFd group_;
  std::string scope_;  ///< name of a scope that is still to be started
  CgroupLimits limits_;
  pid_t keeper_ = 0;
};

/// Whether the v2 group `group` (a directory) limits memory and processes of its children already.
[[nodiscard]] bool controls_children(const std::string& group);

/// Removes empty groups that a killed berm left: names "berm-r-…" without a process.
void remove_stale_cgroups(const CgroupParents& parents);

}  // namespace berm

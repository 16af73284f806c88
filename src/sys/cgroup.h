// src/sys/cgroup.h: one control group for one run, v2 or v1, gone when its owner goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "sys/fd.h"

namespace berm {

/// Where groups may be made, by controller; "" where they may not. For v2 all three are the same.
struct CgroupParents {
  bool v2 = false;
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
  [[nodiscard]] static std::vector<std::string> planned(const CgroupParents& parents, const std::string& name);

  /// Makes the groups and sets the limits.
  /// @post  Reaching the memory limit kills every process of the run at once (v2: memory.oom.group;
  ///        v1: the supervisor does it): an agent that lost one child to the OOM killer reports
  ///        success for work it did not do.
  /// @see   Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst
  [[nodiscard]] static Result<RunCgroup> create(const CgroupParents& parents, const std::string& name,
                                                const CgroupLimits& limits);
  RunCgroup(RunCgroup&& other) noexcept : directories_(std::move(other.directories_)), v2_(other.v2_) { other.directories_.clear(); }
  RunCgroup& operator=(RunCgroup&& other) noexcept {
    std::swap(directories_, other.directories_);
    std::swap(v2_, other.v2_);
    return *this;
  }
  ~RunCgroup();

  [[nodiscard]] Result<void> attach(pid_t pid) const;
  [[nodiscard]] CgroupHits hits() const;
  [[nodiscard]] Bytes memory_now() const;
  [[nodiscard]] Bytes memory_peak() const;
  [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

 private:
  std::vector<std::string> directories_;
  bool v2_ = false;
};

/// Removes empty groups that a killed berm left: names "berm-r-…" without a process.
void remove_stale_cgroups(const CgroupParents& parents);

}  // namespace berm

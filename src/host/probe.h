// src/host/probe.h: what this host can do, read without changing it.
#pragma once

#include <string>

#include "plan/facts.h"

namespace berm {

/// Reads uname, /proc/sys, cgroup mounts, the Landlock ABI and which system paths exist. Cheap
/// (well below a millisecond): every run does it. Starts nothing.
[[nodiscard]] Result<HostFacts> probe_host(const std::string& state_directory);

/// The cgroup directories in which this process may make groups, by controller; "" if none. For `scope`
/// they are the manager's own, which tells the controllers it can give.
struct CgroupPlaces {
  CgroupKind kind = CgroupKind::none;
  std::string memory;
  std::string pids;
  std::string cpu;
};
[[nodiscard]] CgroupPlaces find_cgroups();

}  // namespace berm

// src/host/probe.h: what this host can do, read without changing it.
#pragma once

#include <string>

#include "plan/facts.h"

namespace berm {

/// The cgroup directories in which this process may make groups, by controller; "" if none. For
/// `scope` they are the manager's own, which tells the controllers it can give.
struct CgroupPlaces {
  CgroupKind kind = CgroupKind::none;
  std::string memory;
  std::string pids;
  std::string cpu;
};
[[nodiscard]] CgroupPlaces find_cgroups();

/// Reads uname, /proc/sys, the Landlock ABI and which system paths exist. Cheap (well below a
/// millisecond): every run does it. Starts nothing. `places` is asked for once: what is planned
/// with is what is used.
[[nodiscard]] Result<HostFacts> probe_host(const std::string& state_directory,
                                           const CgroupPlaces& places);

}  // namespace berm

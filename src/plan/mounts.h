// src/plan/mounts.h: what a run sees, mount by mount. Only make_plan.cc calls these, in its order.
#pragma once

#include <string_view>

#include "plan/facts.h"
#include "plan/plan.h"
#include "policy/policy.h"

namespace berm {

inline constexpr std::string_view kAgentHome = "/home/agent";

/// /usr and its kin, and the short list of /etc that programs need.
void add_system(Plan& plan, const HostFacts& host);
/// passwd, group, hosts, nsswitch.conf and resolv.conf with one user and one host.
void add_identity_files(Plan& plan);
/// null, zero, full, random, urandom, tty, a private devpts.
void add_devices(Plan& plan);
/// HOME, /tmp and /dev/shm, in memory.
void add_scratch(Plan& plan);
/// The workspace in its mode, and the private git directories over it.
void add_workspace(Plan& plan, const RepositoryFacts& repository);
/// What tools.programs_absent names, made inexecutable, after every other mount. A plain name is
/// looked for in every directory of programs of the system; what it leads to by links is covered,
/// so that an applet of busybox takes all of busybox along. Another name (a copy, a hard link) of
/// the same program is not covered. @return Errc::invalid_policy for what is neither.
[[nodiscard]] Result<void> add_absent_programs(Plan& plan, const std::vector<std::string>& programs,
                                               const HostFacts& host);
/// What files.read and files.write grant. @return Errc::denied if that would show the record.
[[nodiscard]] Result<void> add_extra_paths(Plan& plan, const Policy& policy, const HostFacts& host);

}  // namespace berm

// src/tiers/microvm/launch.h: a virtual machine in a sandbox of the namespace tier.
#pragma once

#include "tiers/tier.h"

namespace berm {

/// The sandbox's agent is `berm-init --vmm`, which starts the monitor; what the agent in the
/// machine is, and how it is confined there, is a second program, which the machine's berm-init
/// finds in the sandbox's root. @return as start_sandbox().
[[nodiscard]] Result<std::unique_ptr<Sandbox>> start_microvm(const Plan& plan, ChildStreams streams,
                                                             const RunCgroup& cgroup);

}  // namespace berm

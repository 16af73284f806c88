// src/tiers/container/stage.h: what lies on the host for a container to be bound to.
#pragma once

#include "plan/plan.h"
#include "sys/fd.h"
#include "tiers/container/arguments.h"

namespace berm {

/// The sockets that berm listens on below /run/berm, a directory nobody inside can write to.
struct StageSockets {
  UniqueFd control;
  UniqueFd tools;  ///< if hooks are asked for
};

/// Writes the files, the seccomp profile and the mount points, and opens the sockets.
[[nodiscard]] Result<StageSockets> make_stage(const Plan& plan);

/// What run_arguments() must know of this host.
[[nodiscard]] ContainerHost look_at_host(const Plan& plan);

}  // namespace berm

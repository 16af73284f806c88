// src/egress/start.h: the egress process of a run, seen from the supervisor.
#pragma once

#include <vector>

#include "plan/plan.h"
#include "supervise/supervisor.h"

namespace berm {

/// Starts `berm egress` with the run's listeners (proxy first, then model API), the plan's grants
/// and the real key, which goes through a pipe: not by argument, not by environment, not by file.
/// @return Errc::usage if the key's source is empty.
[[nodiscard]] Result<EgressProcess> start_egress(const Plan& plan, std::vector<UniqueFd> listeners);

/// Refuses early what start_egress() would refuse late: a key that is not there.
[[nodiscard]] Result<void> check_egress(const Plan& plan);

}  // namespace berm

// src/plan/pod_policy.h: the policy of a run as berm in the agent's pod is told it. Pure.
#pragma once

#include <map>
#include <string>

#include "plan/plan.h"

namespace berm {

/// Everything that was decided, as one layer over the built-in policy, for the process tier: what
/// the pod itself holds is not required of it, the record's sinks and key stay with the caller, and
/// so does what becomes of the changes.
/// @param passed  variables of the caller that the policy passes, by name and value
[[nodiscard]] PolicyLayer pod_policy(const Policy& policy,
                                     const std::map<std::string, std::string>& passed);

}  // namespace berm

// src/session/pod_session.h: the session of a run whose caller is elsewhere, in the agent's pod.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pod/place.h"
#include "session/prepare_run.h"

namespace berm {

/// What berm in the pod is to do: everything that it needs and nothing that is secret.
[[nodiscard]] nlohmann::json pod_job(const PreparedRun& prepared, const RunRequest& request);

/// Makes the repository from what was sent, runs the agent in the process tier, and leaves the
/// report and the changes where the pod's server finds them.
/// @return the program's exit code; what went wrong stands in the report
[[nodiscard]] int run_pod_session(const pod::AgentPlace& place);

}  // namespace berm

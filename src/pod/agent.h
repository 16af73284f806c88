// src/pod/agent.h: berm in the agent's pod, from its start to its end.
//
// It listens, and connects to nobody. Whoever proves to be the run's egress pod may call: to leave
// connections here that the run's own take on their way out, to tell what egress decided, and for
// whoever started the run: the workspace in, the session's start, its record and output while it
// runs, the result out. Every part can be asked for again from where it broke off.
#pragma once

#include "pod/place.h"

namespace berm::pod {

/// Serves until a call "end", SIGTERM or SIGINT.
/// @return the exit code of the program
[[nodiscard]] Result<int> serve_agent_pod(const AgentPlace& place);

}  // namespace berm::pod

// src/pod/egress.h: berm in the egress pod. It alone has the run's credentials and resolves names.
//
// It listens for whoever started the run, whose calls it hands on to the agent's pod, and connects
// to that pod: to serve the run's connections, and to tell what was decided. Nothing that comes
// from there is a call here.
#pragma once

#include "pod/place.h"

namespace berm::pod {

/// Serves until a call "end", SIGTERM or SIGINT, or the end of the egress process.
[[nodiscard]] Result<int> serve_egress_pod(const EgressPlace& place);

}  // namespace berm::pod

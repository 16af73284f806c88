// src/pod/bridge.h: in place of egress, where egress is in another pod.
#pragma once

#include <string>

#include "egress/start.h"

namespace berm::pod {

/// The same as start_egress(): a process that speaks as egress does (egress/serve.h), whose
/// connections and events come from the run's egress pod. It gets no secret.
/// @param socket  of the agent's pod's own berm
[[nodiscard]] Result<EgressProcess> start_bridge(const EgressConfiguration& configuration,
                                                 const std::string& socket);

/// The process itself.
/// @return an exit code
[[nodiscard]] int serve_bridge(const std::string& socket);

}  // namespace berm::pod

// src/cluster/port_forward.h: a connection to a port of a pod, through the API server and the
// pod's node ("v4.channel.k8s.io" over a WebSocket): no policy of the network is in its way, and no
// address of the pod need be reachable from here.
#pragma once

#include <string>

#include "cluster/client.h"
#include "sys/fd.h"

namespace berm {

/// A socket of our own that leads there. A thread carries its bytes, and ends when one side does.
/// @return Errc::denied with the server's words where it may not be
[[nodiscard]] Result<UniqueFd> forward_port(ClusterClient& cluster, const std::string& name_space,
                                            const std::string& pod, std::uint16_t port);

}  // namespace berm

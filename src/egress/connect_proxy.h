// src/egress/connect_proxy.h: HTTP CONNECT, by name, for one client connection.
#pragma once

#include <vector>

#include "egress/events.h"
#include "policy/policy.h"
#include "sys/fd.h"

namespace berm {

/// Reads one CONNECT request (RFC 9110 §9.3.6), checks name and address, dials what was checked and
/// carries bytes both ways until both sides are done. Anything else gets 403 or 405 and an event.
void serve_connect(UniqueFd client, const std::vector<HostGrant>& allow, EventSink& events);

/// Dials a checked address, at most ten seconds.
struct ResolvedAddress;
[[nodiscard]] Result<UniqueFd> dial(const ResolvedAddress& address);

}  // namespace berm

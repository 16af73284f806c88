// src/egress/telemetry.h: what the agent tells of itself, received on the run's loopback.
#pragma once

#include <string>

#include "egress/http_session.h"

namespace berm {

/// Answers OTLP over HTTP (JSON) on one connection, and tells the supervisor what it says about
/// hooks, settings and tools ("agent.telemetry"). It is the agent's own word, and anybody's inside:
/// it can end a run, never save one. Blocks; for a thread of its own.
void serve_telemetry(const HttpContext& context, UniqueFd client, std::string early);

}  // namespace berm

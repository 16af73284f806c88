// src/rules/hooks/telemetry.h: what an agent tells of itself as OpenTelemetry. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace berm {

/// One log record that says something about the agent's hooks, settings or tools.
struct TelemetryEvent {
  std::string name;                                             ///< without "claude_code."
  std::vector<std::pair<std::string, std::string>> attributes;  ///< at most 24, of 256 bytes each
};

/// Reads the body of POST /v1/logs (OTLP/HTTP, JSON encoding). Records that tell nothing about
/// hooks, settings, permissions or tools are left out: prompts and answers among them.
/// @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
/// @return Errc::denied: no such body.
[[nodiscard]] Result<std::vector<TelemetryEvent>> read_telemetry(std::string_view body);

}  // namespace berm

// src/remote/report.h: what berm in the pod reports of its session. Hostile until shown otherwise.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "supervise/supervisor.h"

namespace berm {

/// @return nullopt if it tells none
[[nodiscard]] std::optional<Outcome> reported_outcome(const nlohmann::json& report);
[[nodiscard]] Usage reported_usage(const nlohmann::json& report);

/// RFC 3339: when the pods of `plan` are to be gone at the latest.
[[nodiscard]] std::string shutdown_time(const Plan& plan);

}  // namespace berm

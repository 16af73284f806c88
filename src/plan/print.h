// src/plan/print.h: a plan for machines and for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "plan/plan.h"

namespace berm {

/// The whole plan; stable schema "berm.plan/1" (docs/json.md). Its digest opens the record.
[[nodiscard]] nlohmann::json to_json(const Plan& plan);

/// One screen: what would be visible, reachable, settable, limited.
[[nodiscard]] std::string to_text(const Plan& plan);

}  // namespace berm

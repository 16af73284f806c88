// src/report/sarif.h: the findings of a run as SARIF 2.1.0 (OASIS), for code scanning.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "report/facts.h"

namespace berm::report {

/// One run with a result for each violation (report/violations.h).
[[nodiscard]] nlohmann::json sarif(const RunFacts& facts);

}  // namespace berm::report

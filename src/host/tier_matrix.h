// src/host/tier_matrix.h: what each tier would enforce on this host, layer by layer.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace berm {

struct TierLayer {
  LayerReport report;
  std::string fix;  ///< what it costs to have it held better; "" = it is held by the kernel
};
struct TierRow {
  TierChoice tier = TierChoice::namespaces;
  std::string unavailable;  ///< why no run can have it here; "" = it can
  std::string fix;
  std::vector<TierLayer> layers;     ///< none where it is unavailable
  std::vector<std::string> missing;  ///< what others do and this one cannot
};

/// From the same planner that plans runs: a row says what the report of a run would say.
/// In the order of the ladder, strongest last.
[[nodiscard]] std::vector<TierRow> tier_matrix(const HostFacts& host);

}  // namespace berm

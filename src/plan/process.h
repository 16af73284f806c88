// src/plan/process.h: what a run of the process tier sees and may do. It has no root of its own:
// paths inside are paths of the host, and what is not granted is refused instead of absent.
#pragma once

#include "plan/make_plan.h"

namespace berm {

/// Where a run of `tier` finds what berm puts there for it.
[[nodiscard]] Places places_for(TierChoice tier, const HostPath& run_directory);

/// @return Errc::unsupported for what this tier cannot hold (a live repository, a managed file of a
///         client at a place of the host), with what can be done instead.
[[nodiscard]] Result<void> check_process_tier(const Policy& policy, const HostFacts& host,
                                              const AgentFacts& agent);

/// Grants instead of mounts: what is bound lies where it is.
[[nodiscard]] Result<void> add_process_view(Plan& plan, const Policy& policy, const HostFacts& host,
                                            const RepositoryFacts& repository,
                                            const AgentFacts& agent);

[[nodiscard]] LandlockPlan process_landlock(const Plan& plan, const HostFacts& host);

[[nodiscard]] std::vector<LayerReport> process_layers(const Plan& plan);

/// What the other tiers do and this one cannot, one sentence each.
[[nodiscard]] std::vector<std::string> process_missing(const Plan& plan);

}  // namespace berm

// src/plan/container.h: what the container tier changes in a plan.
#pragma once

#include "plan/facts.h"
#include "plan/plan.h"
#include "policy/policy.h"

namespace berm {

/// The image that `berm image build` makes: a root of links and mount points, no program. The
/// host's own system directories are bound into it, so that tools and versions are the same as in
/// the namespace tier.
[[nodiscard]] std::string skeleton_image(ContainerEngine engine);

/// Whether /usr and its kin come from the host.
[[nodiscard]] bool binds_system(const Plan& plan);

/// Chooses engine, runtime and image, and who the agent is in there: nobody maps ids.
/// @return Errc::unsupported, with the fix, for what no container can hold.
[[nodiscard]] Result<void> choose_container(Plan& plan, const Policy& policy,
                                            const HostFacts& host);

/// After the last mount was planned.
void settle_container_mounts(Plan& plan);

[[nodiscard]] std::vector<LayerReport> container_layers(const Plan& plan);

}  // namespace berm

// src/session/team_policy.h: what a platform team lets all runs of a namespace do.
#pragma once

#include "session/policy_sources.h"

namespace berm {

inline constexpr char kTeamConfigMap[] = "berm-policy";
inline constexpr char kTeamKey[] = "policy.toml";

/// Asks the cluster of the kubeconfig for the ConfigMap "berm-policy" of the run's namespace.
[[nodiscard]] TeamPolicy team_policy_of_cluster();

}  // namespace berm

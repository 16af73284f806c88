// src/cluster/examine.h: whether a namespace of a cluster can hold runs, and how well.
#pragma once

#include <string>
#include <vector>

#include "cluster/client.h"
#include "host/doctor.h"
#include "policy/kubernetes_policy.h"

namespace berm {

/// Asks, and changes nothing. What this user may not see is told as that, not as missing.
/// @return  the failure that kept it from asking at all: no server, no credential
[[nodiscard]] Result<std::vector<HealthCheck>> examine_cluster(ClusterClient& cluster,
                                                               const KubernetesPolicy& policy);

/// What the submitter of runs needs, and must not have.
struct ClusterRight {
  std::string verb;
  std::string group;
  std::string resource;     ///< "pods"
  std::string subresource;  ///< "log"; "" = itself
};
[[nodiscard]] const std::vector<ClusterRight>& rights_needed();
[[nodiscard]] const std::vector<ClusterRight>& rights_too_many();

}  // namespace berm

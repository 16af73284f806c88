// src/remote/objects.h: the objects of a run in the cluster, from their making to their end.
#pragma once

#include <string>
#include <vector>

#include "cluster/client.h"
#include "tiers/kubernetes/run_objects.h"

namespace berm {

/// Where the API has an object: "/api/v1/namespaces/n/pods/p".
[[nodiscard]] std::string api_path(const nlohmann::json& object);

/// Applies a run's objects, the owner of the others first: all, or, where a queue decides when the
/// agent's turn is, all but the egress pod, which would wait at the cost of its limits.
/// @return the owner; Errc::denied with the object's kind and name and the server's own words
[[nodiscard]] Result<kubernetes::Owner> apply_run(ClusterClient& cluster, const Plan& plan,
                                                  kubernetes::RunMaterial material);
/// The egress pod that apply_run() has left out.
[[nodiscard]] Result<void> apply_egress_pod(ClusterClient& cluster, const Plan& plan,
                                            const kubernetes::Owner& owner);

/// Deletes the owner, and with it everything. That it is gone already is fine.
[[nodiscard]] Result<void> remove_run(ClusterClient& cluster, const std::string& name_space,
                                      const std::string& name);

}  // namespace berm

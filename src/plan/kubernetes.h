// src/plan/kubernetes.h: what is another in a plan whose agent is a pod of a cluster. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace berm {

/// Where a run lies in its pod, whatever the image: the directory of the session that berm holds
/// there (pod/place.h).
[[nodiscard]] HostPath run_directory_in_pod(const std::string& run_id);
/// Of both pods: neither root nor anybody, and what many images call "nonroot".
inline constexpr std::uint32_t kPodUid = 65532;

/// @return Errc::unsupported, with the fix, for what no pod can be given: paths of this host, a
///         workspace that is no copy; Errc::usage without an image.
[[nodiscard]] Result<void> check_kubernetes(const Policy& policy);
/// Makes `plan` one for a pod.
void choose_kubernetes(Plan& plan, const Policy& policy);
[[nodiscard]] std::vector<LayerReport> kubernetes_layers(const Plan& plan);
/// What this tier does not hold, for the report.
[[nodiscard]] std::vector<std::string> kubernetes_missing(const Plan& plan);

}  // namespace berm

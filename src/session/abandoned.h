// src/session/abandoned.h: what runs whose berm died have left in clusters.
#pragma once

#include <string>
#include <vector>

namespace berm {

struct AbandonedRun {
  std::string id;
  std::string name_space;
  std::string why;  ///< "" = its objects are deleted
};

/// Deletes the objects of runs that no berm holds any more, by the kubeconfig of today. Their pods
/// end with them; what was heard of them by then is in the run's record.
[[nodiscard]] std::vector<AbandonedRun> remove_abandoned(const std::string& state);

}  // namespace berm

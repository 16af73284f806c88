// src/session/pod_changes.h: the repository on its way to a pod, and what was changed on its way
// back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "plan/facts.h"
#include "plan/plan.h"
#include "workspace/walk.h"

namespace berm {

/// Writes the copy that prepare_layers() and fill_git() made, with the objects of its history, and
/// `job` as the file "job".
[[nodiscard]] Result<void> write_pod_input(const Plan& plan, const RepositoryFacts& repository,
                                           const nlohmann::json& job, const std::string& file);
/// In the pod: makes the repository from it, below `directory`.
[[nodiscard]] Result<void> read_pod_input(const std::string& file, const std::string& directory);

/// In the pod: what is changed in the files, but those that git ignores, and the whole of the
/// private git directory.
[[nodiscard]] Result<void> write_pod_changes(const WalkPlace& place, const Changes& changes,
                                             const std::string& file);
/// Lays them over the copy. Hostile bytes: whatever they say, only the run's own changes/ is
/// written to.
[[nodiscard]] Result<void> read_pod_changes(const Plan& plan, const std::string& file);

}  // namespace berm

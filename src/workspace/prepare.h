// src/workspace/prepare.h: what must lie on disk before a sandbox starts.
#pragma once

#include "plan/facts.h"
#include "plan/plan.h"

namespace berm {

/// Makes `plan.run_directory`/changes: upper/ and work/ (overlay), tree/ (clone, worktree), git/.
/// @return Errc::unsupported if the mode cannot work on this file system, Errc::kernel otherwise.
[[nodiscard]] Result<void> prepare_workspace(const Plan& plan, const RepositoryFacts& repository);

}  // namespace berm

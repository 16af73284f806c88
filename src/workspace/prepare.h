// src/workspace/prepare.h: what must lie on disk before a sandbox starts.
#pragma once

#include "plan/facts.h"
#include "plan/plan.h"

namespace berm {

/// Makes what the mounts of the workspace need: in `plan.run_directory`/changes upper/ and work/
/// (overlay, worktree) or tree/ (clone), and the empty directories that fill_git() fills; beside it
/// base/ (worktree: the checkout; direct: a copy to compare with).
[[nodiscard]] Result<void> prepare_layers(const Plan& plan, const RepositoryFacts& repository);

/// Without mounts (process tier) the private git directories lie in the copy while the agent works,
/// and are put back where every other tier has them before anything looks at them. What the agent
/// left in their place is not taken: then the guard finds none, and refuses.
[[nodiscard]] Result<void> place_git(const Plan& plan, const RepositoryFacts& repository);
[[nodiscard]] Result<void> withdraw_git(const Plan& plan, const RepositoryFacts& repository);

/// Removes all that the two others made, and what the agent left in it. The record stays.
[[nodiscard]] Result<void> remove_workspace(const std::string& run_directory);

/// Fills the private git directories. They are only directories to the mounts, so this may happen
/// while the sandbox is being built, and must be done before the agent starts.
[[nodiscard]] Result<void> fill_git(const Plan& plan, const RepositoryFacts& repository);

}  // namespace berm

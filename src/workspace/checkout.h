// src/workspace/checkout.h: a clean checkout of a commit, for mode worktree.
#pragma once

#include <string>
#include <vector>

#include "base/glob.h"
#include "plan/facts.h"
#include "plan/plan.h"

namespace berm {

/// Turns the facts of the working tree into those of a checkout of `ref` ("" = HEAD): its commit,
/// the files of that commit that `patterns` hide, no inner repositories (git worktree checks out no
/// submodules either).
/// @return Errc::usage if `ref` names no commit.
[[nodiscard]] Result<void> plan_checkout(RepositoryFacts& facts, const std::string& ref,
                                         const std::vector<Glob>& patterns);

/// Checks `plan.workspace.base_commit` out into `tree`, an empty directory, and puts the index that
/// fits it at `index`. No filter, hook or configuration of the repository runs.
[[nodiscard]] Result<void> make_checkout(const Plan& plan, const RepositoryFacts& repository,
                                         const std::string& tree, const std::string& index);

}  // namespace berm

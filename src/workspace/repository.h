// src/workspace/repository.h: finds a repository and reads what the planner needs, without git.
#pragma once

#include <string>
#include <vector>

#include "plan/facts.h"

namespace berm {

/// Finds the working tree that holds `directory` and reads its state.
/// @return Errc::unsupported with cause and fix: not a repository, a bare one, a forged or broken
///         linked worktree (CVE-2026-40068: the back-link must match), reftable references, one
///         that belongs to another user.
[[nodiscard]] Result<RepositoryFacts> find_repository(const std::string& directory,
                                                      std::uint32_t uid);

/// Fills `facts.inner`: submodules (modules/ of the git directory) and the `facts.nested_git` that
/// are repositories. One that is broken, or borrows objects from outside of this repository, is
/// left out; if it lies in the tree, it is hidden.
[[nodiscard]] Result<void> find_inner_repositories(RepositoryFacts& facts);

/// The commit that `ref` ("HEAD", "refs/heads/x", "refs/remotes/origin/x") names; "" if none.
[[nodiscard]] std::string resolve_ref(const RepositoryFacts& facts, const std::string& ref);

}  // namespace berm

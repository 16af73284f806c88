// src/workspace/repository.h: finds a repository and reads what the planner needs, without git.
#pragma once

#include <string>
#include <vector>

#include "base/glob.h"
#include "plan/facts.h"

namespace berm {

/// Finds the working tree that holds `directory` and reads its state.
/// @return Errc::unsupported with cause and fix: not a repository, a bare one, a forged or broken
///         linked worktree (CVE-2026-40068: the back-link must match), reftable references, one that
///         belongs to another user.
[[nodiscard]] Result<RepositoryFacts> find_repository(const std::string& directory, std::uint32_t uid);

/// Lists what `patterns` hide in the tree below `facts.root`: one readdir walk, no stat, no link
/// followed; a hidden directory is not entered. About 60 ms for 100,000 files.
[[nodiscard]] Result<void> find_hidden(RepositoryFacts& facts, const std::vector<Glob>& patterns);

/// The commit that `ref` ("HEAD", "refs/heads/x", "refs/remotes/origin/x") names; "" if none.
[[nodiscard]] std::string resolve_ref(const RepositoryFacts& facts, const std::string& ref);

}  // namespace berm

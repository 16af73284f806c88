// src/workspace/private_git.h: the git directory that the agent gets instead of the real one.
#pragma once

#include <map>
#include <string>

#include "plan/facts.h"
#include "plan/plan.h"

namespace berm {

/// Builds the private git directory `changes`/git (of which at most the directory exists): HEAD,
/// references and index copied, configuration rebuilt from safe settings, no hooks, history through
/// read-only alternates at /run/berm/objects/N inside. Submodules get the same under modules/,
/// repositories that lie in the tree at `changes`/nested/N. An index that is already there is kept.
/// It costs a copy of the index and the references, not of the history.
[[nodiscard]] Result<void> make_private_git(const RepositoryFacts& repository, const Plan& plan,
                                            const std::string& changes);

/// The private git directory of the inner repository number `index` that is `at` inside: below
/// changes/git for a submodule, else changes/nested/N, which is mounted where it belongs.
[[nodiscard]] std::string inner_git_directory(const std::string& changes, const std::string& at,
                                              std::size_t index);

/// A git directory at `target` with the repository's safe configuration and all its objects, for
/// one git command of berm's own. No references, no index.
[[nodiscard]] Result<void> make_bare_git(const RepositoryFacts& repository,
                                         const std::string& target);

/// Marks tracked files that are hidden, so that `git status` inside does not call them deleted.
[[nodiscard]] Result<void> skip_hidden_in_index(const RepositoryFacts& repository,
                                                const std::string& git_dir);

/// Every reference below `git_dir`, loose over packed: "refs/heads/main" → commit id. Reads files
/// only; follows no link; ignores what is not a plain reference.
[[nodiscard]] Result<std::map<std::string, std::string>> read_references(
    const std::string& git_dir);

/// Gives a tree to the run's uid. Needs root; does nothing when the uid is our own.
[[nodiscard]] Result<void> give_tree(const std::string& path, const Identity& identity);

}  // namespace berm

// src/workspace/hidden.h: which files of a repository the agent does not get to see.
#pragma once

#include <string_view>
#include <vector>

#include "base/glob.h"
#include "plan/facts.h"

namespace berm {

/// Lists what `patterns` hide in the tree below `facts.root`, and the git directories that lie in
/// it: one readdir walk, no stat, no link followed; a hidden directory is not entered. About 60 ms
/// for 100,000 files.
[[nodiscard]] Result<void> find_hidden(RepositoryFacts& facts, const std::vector<Glob>& patterns);

/// The same for a tree that does not exist yet: `paths` are the files of a commit, relative to its
/// root.
void find_hidden_in(RepositoryFacts& facts, const std::vector<std::string_view>& paths,
                    const std::vector<Glob>& patterns);

}  // namespace berm

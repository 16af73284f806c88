// src/workspace/git.h: git as a program, disarmed. Every git that berm runs goes through here.
#pragma once

#include <string>
#include <vector>

#include "sys/child.h"

namespace berm {

/// What a disarmed git works on.
struct GitInvocation {
  std::string git_dir;     ///< GIT_DIR; "" = let git find it from `directory`
  std::string work_tree;   ///< GIT_WORK_TREE; "" = none given
  std::string directory;   ///< where it runs
  std::string index_file;  ///< GIT_INDEX_FILE; "" = default
  std::string input;       ///< stdin
  std::string ceiling;     ///< git looks for no repository above this directory
};

/// Runs git with nothing of the repository's that executes: no hooks, no fsmonitor, no external
/// diff or textconv, no filter, no system or global configuration, no prompts, no lazy fetch, no
/// transport at all. A non-zero exit is a result; see git_output() for the strict form.
[[nodiscard]] Result<CommandResult> run_git(const GitInvocation& where,
                                            const std::vector<std::string>& arguments);

/// The same, and a non-zero exit is Errc::kernel with git's own message.
[[nodiscard]] Result<std::string> git_output(const GitInvocation& where,
                                             const std::vector<std::string>& arguments);

}  // namespace berm

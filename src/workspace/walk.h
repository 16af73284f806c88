// src/workspace/walk.h: berm's own look at what a run left behind. Never `git status`: ignored
// files, modes, links, sockets, case twins and renamed files are all seen.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "plan/facts.h"
#include "rules/changes/changes.h"
#include "sys/fd.h"

namespace berm {

/// Where a run's changes lie and what they are compared with. Read from run.json, so that `berm
/// diff` works long after the run.
struct WalkPlace {
  std::string run_directory;
  HostPath repository;
  WorkspaceMode mode = WorkspaceMode::overlay;
  GitHistory git = GitHistory::full;
  std::vector<std::string> hidden;  ///< base paths that did not exist inside
  std::string base_commit;
  dev_t device = 0;  ///< of the repository, as it was
  ino_t inode = 0;
  timespec started{};  ///< CLOCK_REALTIME_COARSE, the clock of st_ctim: a base file changed later
                       ///< is suspect
  std::size_t text_limit = 4 << 20;  ///< larger texts are judged by their first bytes only
};

/// The directory on the host that holds what the agent wrote.
[[nodiscard]] std::string layer_path(const WalkPlace& place);

/// The directory that it is compared with: the repository as it is (overlay, clone), or the run's
/// own base/.
[[nodiscard]] std::string baseline_path(const WalkPlace& place);

/// Walks the changes. Costs time in what changed, not in the size of the tree (overlay).
/// @return Errc::denied if the baseline is missing or is no longer the directory it was.
[[nodiscard]] Result<Changes> walk_changes(const WalkPlace& place);

/// True if a directory above `path` is one that git takes for a repository: HEAD, objects and refs,
/// under any name. A gitfile, a link or a shell that stands in it is enough to make its
/// configuration and hooks count.
[[nodiscard]] Result<bool> is_in_git_directory(int root, const std::string& path);

/// The state of one path of the repository, with its content hash; type none if it is not there.
[[nodiscard]] Result<FileState> host_state(int root, const std::string& path);

}  // namespace berm

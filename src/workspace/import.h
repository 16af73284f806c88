// src/workspace/import.h: the guarded way of changes into the real repository.
#pragma once

#include <string>
#include <vector>

#include "workspace/walk.h"

namespace berm {

struct ImportReport {
  std::size_t written = 0;
  std::size_t deleted = 0;
};

/// Brings `changes` (those not ignored) into the working tree of the repository: all or nothing.
///
/// Every path is first compared with what the agent started from; then new contents are staged on
/// the same file system and put in place by renames, old ones kept until the last. A crash leaves a
/// journal that the next import rolls back. Directories are reached by descriptor (openat2,
/// beneath, no links). No setuid bit, owner or time is taken over, only the executable bit.
/// @return Errc::denied naming the first path that the host changed meanwhile; nothing was touched.
[[nodiscard]] Result<ImportReport> import_changes(const WalkPlace& place, const Changes& changes,
                                                  const std::string& git_dir,
                                                  const std::string& run_id);

/// Takes setuid and setgid bits off what a run left in a live tree (mode direct), where no import
/// can drop them.
[[nodiscard]] Result<void> remove_special_modes(const WalkPlace& place, const Changes& changes);

/// Rolls back an import that a crash interrupted. Returns true if there was one.
[[nodiscard]] Result<bool> recover_import(const HostPath& repository, const std::string& git_dir);

/// What the commits of a run change, commit by commit: history is imported whole, so a file that a
/// later commit removes again is judged like any other.
/// @return Errc::denied for more than 1000 commits, or more content than the guard would read.
[[nodiscard]] Result<std::vector<Change>> commit_changes(const WalkPlace& place,
                                                         const Changes& changes,
                                                         const std::vector<HostPath>& object_dirs);

/// The commit objects that an import would bring, one after the other: authors, messages, headers.
[[nodiscard]] Result<std::string> commit_texts(const WalkPlace& place, const Changes& changes,
                                               const std::vector<HostPath>& object_dirs);

/// Brings the commits that the agent made in, checked object by object, as refs/berm/<run>/<name>:
/// all references or none. The hostile git directory is only read as files; its configuration never
/// reaches a git process, and no transport is used that the repository's configuration could bend.
[[nodiscard]] Result<std::vector<std::string>> import_commits(
    const WalkPlace& place, const Changes& changes, const std::string& run_id,
    const std::vector<HostPath>& object_dirs);

/// Takes the references of import_commits() back.
[[nodiscard]] Result<void> drop_commits(const WalkPlace& place,
                                        const std::vector<std::string>& references);

/// The changes as a patch that `git apply` takes, byte for byte.
[[nodiscard]] Result<std::string> make_patch(const WalkPlace& place, const Changes& changes);

/// Commits the changes on a new branch, without touching the working tree or the index.
/// @return the commit id; Errc::denied if the branch exists.
[[nodiscard]] Result<std::string> commit_to_branch(const WalkPlace& place, const Changes& changes,
                                                   const std::string& base_commit,
                                                   const std::string& branch,
                                                   const std::string& message);

}  // namespace berm

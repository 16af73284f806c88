// src/rules/changes/changes.h: what an agent did to its workspace, as berm's own walk saw it, and
// what the guard says about it. Plain data; the rules are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/glob.h"
#include "base/units.h"
#include "policy/policy.h"
#include "redact/known_secrets.h"
#include "redact/patterns.h"

namespace berm {

enum class FileType : std::uint8_t {
  none,
  regular,
  directory,
  symlink,
  fifo,
  socket,
  device,
  other
};
enum class ChangeKind : std::uint8_t { added, modified, deleted, type_changed, mode_changed };
[[nodiscard]] std::string_view name_of(ChangeKind kind);
[[nodiscard]] std::string_view name_of(FileType type);

/// One side of a change. `type` none: it is not there.
struct FileState {
  FileType type = FileType::none;
  std::uint32_t mode = 0;  ///< permission bits with setuid, setgid, sticky
  std::uint64_t size = 0;
  std::uint64_t links = 1;  ///< st_nlink
  std::string sha256;       ///< of a regular file's content
  std::string link;         ///< target of a symbolic link
  bool operator==(const FileState&) const = default;
};

struct Change {
  std::string path;  ///< relative to the repository root; any bytes but NUL
  ChangeKind kind = ChangeKind::added;
  FileState before;
  FileState after;
  bool ignored = false;       ///< by the ignore rules of the base, not of the agent: never imported
  bool host_changed = false;  ///< the host's file changed while the run went on
  bool in_git_directory =
      false;  ///< a directory above it is a repository by its content, whatever its name
  bool binary = false;
  std::string text;  ///< new content of a text file, up to the guard's size limit
  std::string base_text;
  std::string case_twin;  ///< another name in the directory that differs in letter case only
};

/// A reference of the private git directory that is new or moved.
struct RefChange {
  std::string name;
  std::string before;  ///< "" = new
  std::string after;   ///< "" = deleted
  bool operator==(const RefChange&) const = default;
};

struct Changes {
  std::vector<Change> files;  ///< sorted by path
  std::vector<RefChange> refs;
  std::string commit_text;  ///< the objects of new commits: authors, messages, every header
  std::string digest;       ///< SHA-256 over paths, kinds, modes and contents
  std::vector<std::string>
      inner_commits;  ///< inner repositories with new commits or references, by their place
};

enum class Severity : std::uint8_t { report, refuse };

struct Finding {
  std::string rule;
  std::string path;     ///< "" = about the changes as a whole
  std::string message;  ///< a sentence without the path
  Severity severity = Severity::refuse;
  bool operator==(const Finding&) const = default;
};

/// What the rules need of the plan.
struct GuardPolicy {
  std::vector<Glob> allow;
  std::vector<ProtectClass> protect;
  std::uint64_t max_files = 0;
  Bytes max_size;
  SecretsAction secrets = SecretsAction::refuse;
  const KnownSecrets* known =
      nullptr;  ///< the run's own; refused in every form, whatever `secrets` says
};

/// One rule: pure, no state. Adding one = one file + one line in the list of guard.cc + one section
/// in docs/guard.md.
struct ChangeRule {
  std::string_view id;
  std::string_view summary;
  void (*check)(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings);
};

extern const ChangeRule kOutsideAllow, kProtectedFile, kTooManyFiles, kTooLarge, kBinary,
    kSpecialMode, kSpecialFile, kHardLink, kEscapingSymlink, kCaseCollision, kSubmodule,
    kGitDirectory, kHiddenUnicode, kCredential, kFileName, kInnerCommits, kInstallScript;

/// Every rule, in the order in which findings are printed.
[[nodiscard]] std::span<const ChangeRule* const> change_rules();

/// Runs every rule over the changes that could be imported (those not ignored).
[[nodiscard]] std::vector<Finding> judge_changes(const Changes& changes, const GuardPolicy& policy);

/// The class of files that other programs execute or trust to which `path` belongs, if any.
[[nodiscard]] std::optional<ProtectClass> protect_class_of(std::string_view path);

/// Lines of `text` that `base` does not have.
[[nodiscard]] std::vector<std::pair<std::size_t, std::string_view>> added_lines(
    const Change& change);

/// Calls `visit` for every change that would be imported.
template <class F>
void for_each_importable(const Changes& changes, F visit) {
  for (const Change& change : changes.files) {
    if (!change.ignored) visit(change);
  }
}

}  // namespace berm

#include <algorithm>
#include <unordered_set>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

// The order is the order of a report: what decides most comes first.
constexpr const ChangeRule* kRules[] = {
    &kOutsideAllow, &kProtectedFile, &kGitDirectory, &kSubmodule,       &kCredential,
    &kSpecialMode,  &kSpecialFile,   &kHardLink,     &kEscapingSymlink, &kCaseCollision,
    &kFileName,     &kHiddenUnicode, &kTooManyFiles, &kTooLarge,        &kBinary,
    &kInnerCommits, &kInstallScript,
};

}  // namespace

std::string_view name_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added:
      return "added";
    case ChangeKind::modified:
      return "modified";
    case ChangeKind::deleted:
      return "deleted";
    case ChangeKind::type_changed:
      return "type changed";
    case ChangeKind::mode_changed:
      break;
  }
  return "mode changed";
}

std::string_view name_of(FileType type) {
  switch (type) {
    case FileType::none:
      return "nothing";
    case FileType::regular:
      return "file";
    case FileType::directory:
      return "directory";
    case FileType::symlink:
      return "symbolic link";
    case FileType::fifo:
      return "fifo";
    case FileType::socket:
      return "socket";
    case FileType::device:
      return "device";
    case FileType::other:
      break;
  }
  return "unknown";
}

std::span<const ChangeRule* const> change_rules() { return kRules; }

std::vector<Finding> judge_changes(const Changes& changes, const GuardPolicy& policy) {
  std::vector<Finding> findings;
  for (const ChangeRule* rule : kRules) rule->check(changes, policy, findings);
  return findings;
}

std::vector<std::pair<std::size_t, std::string_view>> added_lines(const Change& change) {
  std::unordered_set<std::string_view> old;
  for (const std::string_view line : split(change.base_text, '\n')) old.insert(line);
  std::vector<std::pair<std::size_t, std::string_view>> out;
  std::size_t number = 0;
  for (const std::string_view line : split(change.text, '\n')) {
    ++number;
    if (!old.contains(line)) out.emplace_back(number, line);
  }
  return out;
}

}  // namespace berm

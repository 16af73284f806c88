// src/rules/changes/git_directory.cc
//
// git-directory: hooks, configuration and attributes of a nested repository run on the host
// (CVE-2026-26268 and kin). The root's own .git never comes near an import.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

// ".git" as some file system would read it: NTFS and HFS+ ignore case, trailing dots and spaces,
// and the short name git~1 (CVE-2014-9390, CVE-2019-1352).
bool is_git_name(std::string_view part) {
  std::string name = lower(part);
  while (!name.empty() && (name.back() == ' ' || name.back() == '.')) name.pop_back();
  std::string plain;
  for (std::size_t at = 0; at < name.size();) {
    char32_t point = 0;
    const std::size_t length = std::max<std::size_t>(decode_utf8(name, at, point), 1);
    if (!is_hidden_character(point)) plain += name.substr(at, length);
    at += length;
  }
  return plain == ".git" || plain == "git~1" || plain.starts_with(".git:");
}

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    const std::vector<std::string_view> parts = split(change.path, '/');
    // git takes any folder with HEAD, objects and refs for a bare repository and obeys its config.
    const std::string name = lower(parts.back());
    const bool bare_part = change.after.type != FileType::none &&
                           (name == "head" || name == "commondir" || name == "gitdir");
    if (bare_part) {
      findings.push_back(
          {"git-directory", change.path, "can make its folder a git directory, which git obeys"});
    }
    if (!change.in_git_directory && !std::ranges::any_of(parts, is_git_name)) return;
    findings.push_back(
        {"git-directory", change.path, "is part of a git directory, which git obeys"});
  });
}

}  // namespace

const ChangeRule kGitDirectory = {"git-directory", "content of a .git directory", check};

}  // namespace berm

// src/rules/changes/escaping_symlink.cc
//
// escaping-symlink: what a later program reads or writes through it is a file of the host
// (CVE-2026-39861). Every other new link is reported.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

// Where `target`, seen from the directory of `path`, leads: true if it climbs above the root.
bool leaves_root(std::string_view path, std::string_view target) {
  if (target.starts_with('/')) return true;
  long depth = std::ranges::count(path, '/');
  bool descended = false;
  for (const std::string_view part : split(target, '/')) {
    if (part.empty() || part == ".") continue;
    // Behind a name that may be a link itself, ".." means what that link makes of it.
    if (part == ".." && (descended || --depth < 0)) return true;
    if (part != "..") descended = true;
  }
  return !descended && depth == 0 &&
         target.find("..") == std::string_view::npos;  // "." at the root: a loop
}

bool points_into_git(std::string_view target) {
  const std::vector<std::string_view> parts = split(target, '/');
  return std::ranges::any_of(parts, [](std::string_view part) { return lower(part) == ".git"; });
}

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (change.after.type != FileType::symlink) return;
    if (!credential_in(change.after.link).empty()) {
      findings.push_back({"credential", change.path,
                          fmt::format("is a link whose target looks like a {}",
                                      credential_in(change.after.link))});
    } else if (leaves_root(change.path, change.after.link)) {
      findings.push_back(
          {"escaping-symlink", change.path,
           fmt::format("is a link out of the repository, to '{}'", printable(change.after.link))});
    } else if (points_into_git(change.after.link)) {
      findings.push_back(
          {"escaping-symlink", change.path,
           fmt::format("is a link into a git directory, to '{}'", printable(change.after.link))});
    } else {
      findings.push_back(
          {"escaping-symlink", change.path,
           fmt::format("is a new or changed link to '{}'", printable(change.after.link)),
           Severity::report});
    }
  });
}

}  // namespace

const ChangeRule kEscapingSymlink = {"escaping-symlink",
                                     "a symbolic link that leaves the repository", check};

}  // namespace berm

// src/rules/changes/special_mode.cc
//
// special-mode: git keeps only the executable bit; an import that kept setuid would hand out a
// user's rights.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (change.after.type == FileType::none || change.after.type == FileType::symlink) return;
    const std::uint32_t special = change.after.mode & 07000 & ~change.before.mode;
    if (special != 0 && change.after.type == FileType::regular) {
      findings.push_back(
          {"special-mode", change.path,
           fmt::format("has mode {:04o}: setuid, setgid or sticky", change.after.mode)});
    } else if (change.after.type == FileType::regular && (change.after.mode & 0111) != 0 &&
               (change.before.mode & 0111) == 0) {
      findings.push_back({"special-mode", change.path, "became executable", Severity::report});
    } else if ((change.after.mode & 0002) != 0 && (change.before.mode & 0002) == 0 &&
               change.after.type == FileType::regular) {
      findings.push_back(
          {"special-mode", change.path, "became writable by everybody", Severity::report});
    }
  });
}

}  // namespace

const ChangeRule kSpecialMode = {"special-mode",
                                 "a setuid, setgid or sticky bit, or a new executable bit", check};

}  // namespace berm

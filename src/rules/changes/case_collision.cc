// src/rules/changes/case_collision.cc
//
// case-collision: on a case-insensitive file system one of the two overwrites the other; .GIT
// becomes .git (CVE-2014-9390).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (change.case_twin.empty() || change.after.type == FileType::none) return;
    findings.push_back(
        {"case-collision", change.path,
         fmt::format("differs from '{}' in letter case only", printable(change.case_twin))});
  });
}

}  // namespace

const ChangeRule kCaseCollision = {"case-collision", "two names that differ in letter case only",
                                   check};

}  // namespace berm

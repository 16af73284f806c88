// src/rules/changes/too_many_files.cc
//
// too-many-files: a change nobody can review is a change nobody has reviewed.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  std::uint64_t count = 0;
  for_each_importable(changes, [&](const Change&) { ++count; });
  if (count <= policy.max_files) return;
  findings.push_back(
      {"too-many-files", "",
       fmt::format("{} files changed; the policy allows {}", count, policy.max_files)});
}

}  // namespace

const ChangeRule kTooManyFiles = {"too-many-files", "more changed files than [changes] max_files",
                                  check};

}  // namespace berm

// src/rules/changes/inner_commits.cc
//
// inner-commits: what was committed in a submodule stays in the run, and a superproject that names
// such a commit would point to one that nobody has. Told, because the user would look for it.
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for (const std::string& at : changes.inner_commits) {
    findings.push_back({"inner-commits", at,
                        "has new commits; only those of the main repository are imported",
                        Severity::report});
  }
}

}  // namespace

const ChangeRule kInnerCommits = {"inner-commits", "commits in a submodule or a nested repository",
                                  check};

}  // namespace berm

// src/rules/changes/submodule.cc
//
// submodule: .gitmodules names URLs and update commands that git acts on (CVE-2018-17456,
// CVE-2025-48384).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (lower(change.path) != ".gitmodules") return;
    findings.push_back({"submodule", change.path,
                        "decides which foreign repositories are fetched and where they are put"});
  });
}

}  // namespace

const ChangeRule kSubmodule = {"submodule", "a change of submodules", check};

}  // namespace berm

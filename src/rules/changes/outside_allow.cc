// src/rules/changes/outside_allow.cc
//
// outside-allow: the policy says where an agent may change files; everything else is refused.
// An empty list allows nothing.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (any_covers(policy.allow, change.path)) return;
    findings.push_back(
        {"outside-allow", change.path, "is outside the paths that the policy allows to change"});
  });
}

}  // namespace

const ChangeRule kOutsideAllow = {"outside-allow",
                                  "a change outside the paths that [changes] allow names", check};

}  // namespace berm

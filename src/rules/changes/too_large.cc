// src/rules/changes/too_large.cc
//
// too-large: a data set, a core dump or a smuggled archive in place of a change.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  Bytes total;
  for_each_importable(changes, [&](const Change& change) { total.count += change.after.size; });
  if (total <= policy.max_size) return;
  findings.push_back({"too-large", "",
                      fmt::format("the changed files hold {}; the policy allows {}", to_text(total),
                                  to_text(policy.max_size))});
}

}  // namespace

const ChangeRule kTooLarge = {"too-large", "changed files larger in total than [changes] max_size",
                              check};

}  // namespace berm

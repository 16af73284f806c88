// src/rules/changes/credential.cc
//
// credential: a secret that reaches a commit has left the building. The value is never printed.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    for (const auto& [number, line] : added_lines(change)) {
      const std::string_view kind = credential_in(line);
      if (kind.empty()) continue;
      findings.push_back(
          {"credential", change.path,
           fmt::format("line {} holds what looks like a {}", number, kind),
           policy.secrets == SecretsAction::refuse ? Severity::refuse : Severity::report});
      return;  // one finding a file
    }
  });
}

}  // namespace

const ChangeRule kCredential = {"credential", "a credential in an added line", check};

}  // namespace berm

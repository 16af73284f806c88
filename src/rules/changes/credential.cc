// src/rules/changes/credential.cc
//
// credential: a secret that reaches a commit has left the building. The value is never printed.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

// The name of the run's own secret in `line`, in any form; "" if there is none.
std::string known_in(const KnownSecrets* known, std::string_view line) {
  if (known == nullptr) return "";
  std::vector<SecretSpan> found;
  known->find(line, 0, found);
  return found.empty() ? "" : known->names()[found.front().label];
}

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    for (const auto& [number, line] : added_lines(change)) {
      if (const std::string name = known_in(policy.known, line); !name.empty()) {
        findings.push_back(
            {"credential", change.path,
             fmt::format("line {} holds the secret of credential '{}'", number, name),
             Severity::refuse});
        return;
      }
      const std::string_view kind = credential_in(line);
      if (kind.empty()) continue;
      findings.push_back(
          {"credential", change.path,
           fmt::format("line {} holds what looks like a credential ({})", number, kind),
           policy.secrets == SecretsAction::refuse ? Severity::refuse : Severity::report});
      return;  // one finding a file
    }
  });
}

}  // namespace

const ChangeRule kCredential = {"credential", "a credential in an added line", check};

}  // namespace berm

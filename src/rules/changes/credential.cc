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

// What names and says a change beside its lines.
void check_around(const Changes& changes, const GuardPolicy& policy,
                  std::vector<Finding>& findings) {
  const auto look = [&](std::string_view text, const std::string& path, std::string_view where) {
    const std::string name = known_in(policy.known, text);
    if (name.empty()) return;
    findings.push_back({"credential", path,
                        fmt::format("{} holds the secret of credential '{}'", where, name),
                        Severity::refuse});
  };
  for_each_importable(changes, [&](const Change& change) {
    look(change.path, change.path, "its name");
    look(change.after.link, change.path, "the link");
  });
  for (const RefChange& ref : changes.refs) {
    if (!ref.after.empty()) look(ref.name, "", "the name of a branch or tag");
  }
  look(changes.commit_text, "", "a commit's message, author or header");
}

void check_lines(const Change& change, const GuardPolicy& policy, std::vector<Finding>& findings) {
  for (const auto& [number, line] : added_lines(change)) {
    if (const std::string name = known_in(policy.known, line); !name.empty()) {
      findings.push_back({"credential", change.path,
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
}

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  for_each_importable(changes,
                      [&](const Change& change) { check_lines(change, policy, findings); });
  if (policy.known != nullptr) check_around(changes, policy, findings);
}

}  // namespace

const ChangeRule kCredential = {"credential", "a credential in an added line", check};

}  // namespace berm

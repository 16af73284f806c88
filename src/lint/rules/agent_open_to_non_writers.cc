#include <fmt/format.h>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.agent != AgentUse::action) continue;
    for (const char* key :
         {"allowed_non_write_users", "allowed_bots", "allow-users", "allow-bots"}) {
      const Node* value = get(step.node, {"with", key});
      const bool all = trim(text_of(value)) == "*" ||
                       (std::string_view(key) == "allow-bots" && text_of(value) == "true");
      if (!all) continue;
      Finding& found = report.add(*workflow.file, value->span,
                                  fmt::format("{}: the agent works for everybody", key));
      if (std::string_view(key).find("bots") != std::string_view::npos)
        found.severity = Severity::medium;
    }
  }
}

}  // namespace

const Rule agent_open_to_non_writers{
    .id = "agent-open-to-non-writers",
    .title = "an agent's own check of who acts, taken off",
    .severity = Severity::high,
    .why =
        "The action asks whether the actor may write to the repository; \"*\" answers for "
        "everybody, and a bot passes on what others wrote (Clinejection; Flatt Security on bot "
        "actors, fixed in v1.0.94).",
    .bad = "with:\n  allowed_non_write_users: \"*\"",
    .good = "with: {}",
    .fix = "remove the key, or name the accounts",
    .check = check};

}  // namespace berm::lint

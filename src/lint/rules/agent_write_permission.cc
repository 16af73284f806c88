#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    if (!job.agent || !is_mapping(job.permissions)) continue;
    const Trigger* trigger = workflow.untrusted_trigger();
    for (const char* scope :
         {"contents", "actions", "packages", "deployments", "security-events"}) {
      const Node* value = get(job.permissions, scope);
      if (text_of(value) != "write") continue;
      Finding& found = report.add(
          *workflow.file, value->span,
          fmt::format("the agent of job '{}' holds a token with {}: write", job.id, scope));
      if (trigger == nullptr) found.severity = Severity::low;
      if (trigger != nullptr)
        found.path = {with_note(trigger->at, "strangers' text comes in here"),
                      {workflow.file, value->span, "and can do this"}};
    }
  }
}

}  // namespace

const Rule agent_write_permission{
    .id = "agent-write-permission",
    .title = "an agent whose token writes",
    .severity = Severity::medium,
    .why =
        "What the agent is talked into, its token does: pushes to branches, other workflows, "
        "packages (\"Trusting Claude with a Knife\"; PromptPwnd).",
    .bad = "permissions:\n  contents: write\nsteps:\n  - uses: anthropics/claude-code-action@v1",
    .good =
        "permissions:\n  contents: read   # a second job, without a model, applies the reviewed "
        "patch",
    .fix =
        "give the agent's job contents: read, and write in another job that only applies what was "
        "checked",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    if (!job.agent || get(job.node, "timeout-minutes") != nullptr) continue;
    bool every = true;
    for (const WorkflowStep& step : job.steps) {
      every =
          every && (step.agent == AgentUse::none || get(step.node, "timeout-minutes") != nullptr ||
                    get(step.node, {"with", "timeout_minutes"}) != nullptr);
    }
    if (every) continue;
    Finding& found = report.add(*workflow.file, job.key->span,
                                fmt::format("the agent of job '{}' may run for six hours", job.id));
    found.fix = Fix{"timeout-minutes: 30",
                    false,
                    {insert_entry(*workflow.file, job.node, "timeout-minutes: 30")}};
  }
}

}  // namespace

const Rule agent_no_time_limit{
    .id = "agent-no-time-limit",
    .title = "an agent's job without a time limit",
    .severity = Severity::low,
    .why = "GitHub ends a job after six hours; an agent in a loop costs tokens for all of them.",
    .bad = "jobs:\n  fix:\n    runs-on: ubuntu-latest",
    .good = "jobs:\n  fix:\n    timeout-minutes: 30\n    runs-on: ubuntu-latest",
    .fix = "set timeout-minutes",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// Each of its agents may have a limit of its own.
bool each_is_limited(const WorkflowJob& job) {
  return std::ranges::all_of(job.steps, [](const WorkflowStep& step) {
    return step.agent == AgentUse::none || get(step.node, "timeout-minutes") != nullptr ||
           get(step.node, {"with", "timeout_minutes"}) != nullptr;
  });
}

void check(const Model& model, Report& report) {
  for (const Job& job : model.jobs) {
    const bool agent = job.workflow_job != nullptr ? job.workflow_job->agent : !job.agents.empty();
    const bool known = job.system != CiSystem::shell && job.system != CiSystem::circleci;
    if (!agent || !known || job.time_limit != nullptr) continue;
    const bool github = job.workflow_job != nullptr;
    if (github && (job.workflow->composite || each_is_limited(*job.workflow_job))) continue;
    Finding& found = report.add(
        *job.file, job.at,
        fmt::format("the agent of {} may run for {}", words_for(job),
                    github ? "six hours" : "as long as the project's or the pool's default"));
    if (github)
      found.fix = Fix{
          "timeout-minutes: 30", false, {insert_entry(*job.file, job.node, "timeout-minutes: 30")}};
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
    .fix = "set timeout-minutes (GitLab: timeout; Azure: timeoutInMinutes)",
    .check = check};

}  // namespace berm::lint

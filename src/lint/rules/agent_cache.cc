#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    const Node* trigger = workflow.untrusted_trigger();
    if (trigger == nullptr) continue;
    for (const WorkflowJob& job : workflow.jobs) {
      if (!job.agent) continue;
      for (const WorkflowStep& step : job.steps) {
        const bool cache = step.action == "actions/cache" || step.action == "actions/cache/save";
        const Node* setup =
            step.action.starts_with("actions/setup-") ? get(step.node, {"with", "cache"}) : nullptr;
        if (!cache && (setup == nullptr || text_of(setup).empty() || is_false(setup))) continue;
        const Node* at = cache ? step.uses : setup;
        Finding& found = report.add(
            *workflow.file, at->span,
            fmt::format("what the agent of job '{}' leaves is restored by other jobs", job.id));
        found.path = {{workflow.file, trigger->span,
                       "runs on the default branch, whose caches all branches restore"}};
      }
    }
  }
}

}  // namespace

const Rule agent_cache_write{
    .id = "agent-cache-write",
    .title = "a cache that an agent of strangers writes",
    .severity = Severity::high,
    .why =
        "Clinejection: a triage bot was talked into poisoning the cache that the release job "
        "restored, and the release was the attacker's.",
    .bad =
        "on: issues\nsteps:\n  - uses: actions/cache@v4\n  - uses: "
        "anthropics/claude-code-action@v1",
    .good = "- uses: actions/cache/restore@v4",
    .fix = "restore only (actions/cache/restore), or no cache in the agent's job",
    .check = check};

}  // namespace berm::lint

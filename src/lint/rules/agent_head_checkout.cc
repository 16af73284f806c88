#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Trigger* trigger = workflow.untrusted_trigger();
    if (trigger == nullptr || !job.agent || trigger->event == "issues" ||
        trigger->event.starts_with("discussion"))
      continue;
    const std::optional<HeadCheckout> head = head_checkout(step);
    if (!head) continue;
    Finding& found =
        report.add(*workflow.file, head->at,
                   fmt::format("an agent works in what a stranger pushed, with the rights of '{}'",
                               trigger->event));
    found.path = {with_note(trigger->at, "runs with the repository's token and secrets"),
                  {workflow.file, head->at,
                   "fetches the pull request's files, agent settings and hooks among them"}};
    // Who is let through may still ask for a review of what somebody else wrote.
    if (is_gated(workflow, job, &step)) found.severity = Severity::medium;
  }
}

}  // namespace

const Rule agent_head_checkout{
    .id = "agent-head-checkout",
    .title = "a privileged job whose agent works in a pull request's own files",
    .severity = Severity::high,
    .why =
        "The head brings .claude/settings.json, .mcp.json, CLAUDE.md and package scripts of its "
        "author: hooks run before anybody is asked (CVE-2025-59536), instructions are followed.",
    .bad =
        "on: pull_request_target\nsteps:\n  - uses: actions/checkout@v4\n    with: {ref: \"${{ "
        "github.event.pull_request.head.sha }}\"}\n  - uses: anthropics/claude-code-action@v1",
    .good = "on: pull_request   # no secrets for forks",
    .fix = "use pull_request, or check the base out and give the agent the diff as data",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_head(std::string_view text) {
  const std::string low = lower(text);
  for (const std::string_view part : {"head.sha", "head.ref", "head_ref", "refs/pull/", "head_sha",
                                      "head_branch", "merge_commit_sha"}) {
    if (low.find(part) != std::string::npos) return true;
  }
  return false;
}

const Node* head_checkout(const WorkflowStep& step) {
  if (step.action == "actions/checkout") {
    for (const char* key : {"ref", "repository"}) {
      const Node* value = get(step.node, {"with", key});
      if (is_scalar(value) &&
          (is_head(text_of(value)) || text_of(value).find("head.repo") != std::string::npos))
        return follow(value);
    }
  }
  const std::string& script = text_of(step.run);
  if (script.find("gh pr checkout") != std::string::npos) return follow(step.run);
  return nullptr;
}

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    std::string event;
    const Node* trigger = workflow.untrusted_trigger(&event);
    if (trigger == nullptr || event == "issues" || event.starts_with("discussion")) continue;
    for (const WorkflowJob& job : workflow.jobs) {
      if (!job.agent) continue;
      for (const WorkflowStep& step : job.steps) {
        const Node* head = head_checkout(step);
        if (head == nullptr) continue;
        Span at = head->span;
        const std::size_t begin = text_of(step.run).find("gh pr checkout");
        if (step.run != nullptr && begin != std::string::npos)
          at = span_in(*workflow.file, *head, begin, 14);
        Finding& found = report.add(
            *workflow.file, at,
            fmt::format("an agent works in what a stranger pushed, with the rights of '{}'",
                        event));
        found.path = {
            {workflow.file, trigger->span, "runs with the repository's token and secrets"},
            {workflow.file, at,
             "fetches the pull request's files, agent settings and hooks among them"}};
        if (gates_actor(text_of(get(job.node, "if")))) found.severity = Severity::medium;
      }
    }
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

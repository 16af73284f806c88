#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// These look themselves at who acts, unless they are told not to (agent-open-to-non-writers).
bool checks_actor(const WorkflowStep& step) {
  return step.action == "anthropics/claude-code-action" || step.action == "openai/codex-action";
}

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    std::string event;
    const Node* trigger = workflow.untrusted_trigger(&event);
    if (trigger == nullptr) continue;
    for (const WorkflowJob& job : workflow.jobs) {
      if (gates_actor(text_of(get(job.node, "if")))) continue;
      for (const WorkflowStep& step : job.steps) {
        if (step.agent == AgentUse::none || checks_actor(step)) continue;
        if (gates_actor(text_of(get(step.node, "if")))) continue;
        const Node* at = step.uses != nullptr ? step.uses : entry_of(step.node, "run")->key;
        Finding& found =
            report.add(*workflow.file, at->span,
                       fmt::format("anybody who can cause '{}' starts this agent", event));
        found.path = {{workflow.file, trigger->span, "the trigger"},
                      {workflow.file, job.key->span, "a job that asks nobody"},
                      {workflow.file, at->span, "the agent"}};
        // A gate may be a job that this one needs, or the approval of an environment.
        if (get(job.node, "needs") != nullptr || get(job.node, "environment") != nullptr) {
          found.confidence = Confidence::low;
          found.persona = Persona::auditor;
        }
      }
    }
  }
}

}  // namespace

const Rule agent_no_actor_gate{
    .id = "agent-no-actor-gate",
    .title = "an agent that anybody on the internet starts",
    .severity = Severity::high,
    .why =
        "Issues, comments and forks are open to every account; such a run has the repository's "
        "token and secrets (Clinejection; \"Comment and Control\", April 2026).",
    .bad = "on: issue_comment\njobs:\n  fix:\n    steps:\n      - run: claude -p \"$TASK\"",
    .good =
        "on: issue_comment\njobs:\n  fix:\n    if: contains(fromJSON('[\"OWNER\", \"MEMBER\", "
        "\"COLLABORATOR\"]'), github.event.comment.author_association)",
    .fix = "gate the job by author_association, or start it by workflow_dispatch",
    .check = check};

}  // namespace berm::lint

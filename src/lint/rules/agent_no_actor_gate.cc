#include <fmt/format.h>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// A condition that only looks for the mention: whoever writes a comment can write that.
const Node* mention_of(const WorkflowJob& job, const WorkflowStep& step) {
  for (const Node* node : {step.node, job.node}) {
    const Node* condition = get(node, "if");
    const std::string low = lower(text_of(condition));
    for (const std::string_view part : {".body", ".title", ".message"}) {
      if (low.find(part) != std::string::npos) return follow(condition);
    }
  }
  return nullptr;
}

bool is_open(const Workflow& workflow, const WorkflowJob& job, const WorkflowStep& step) {
  if (step.agent != AgentUse::action && step.agent != AgentUse::command) return false;
  return workflow.untrusted_trigger() != nullptr && !checks_actor(step.action) &&
         !is_gated(workflow, job, &step);
}

// A gate may be the approval of an environment, or a job that this one needs and that decides in
// a script.
void doubt(const WorkflowJob& job, Finding& found) {
  if (job.needs.empty() && get(job.node, "environment") == nullptr) return;
  found.confidence = Confidence::low;
  found.persona = Persona::auditor;
}

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (!is_open(workflow, job, step) || mention_of(job, step) != nullptr) continue;
    const Trigger& trigger = *workflow.untrusted_trigger();
    Finding& found =
        report.add(*workflow.file, step.at(),
                   fmt::format("anybody who can cause '{}' starts this agent", trigger.event));
    found.path = {with_note(trigger.at, "the trigger"),
                  {workflow.file, job.key->span, "a job that asks nobody"},
                  {workflow.file, step.at(), "the agent"}};
    doubt(job, found);
  }
}

void check_mention(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Node* mention = mention_of(job, step);
    if (mention == nullptr || !is_open(workflow, job, step)) continue;
    const Trigger& trigger = *workflow.untrusted_trigger();
    Finding& found = report.add(
        *workflow.file, mention->span,
        fmt::format("anybody who writes the right word in what causes '{}' starts this agent",
                    trigger.event));
    found.path = {with_note(trigger.at, "the trigger"), {workflow.file, step.at(), "the agent"}};
    doubt(job, found);
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

const Rule agent_mention_only_gate{
    .id = "agent-mention-only-gate",
    .title = "an agent whose only gate is a word in the comment",
    .severity = Severity::high,
    .why =
        "A mention says that somebody wants the agent, not who: every account can write it "
        "(\"Comment and Control\", April 2026).",
    .bad = "if: contains(github.event.comment.body, '@agent')",
    .good =
        "if: contains(github.event.comment.body, '@agent') && contains(fromJSON('[\"OWNER\", "
        "\"MEMBER\"]'), github.event.comment.author_association)",
    .fix = "ask for author_association as well",
    .check = check_mention};

}  // namespace berm::lint

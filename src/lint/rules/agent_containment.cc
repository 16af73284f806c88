// What holds an agent if its own promises do not: a way out that is closed, a run at a time, a
// hook.
#include <fmt/format.h>

#include <algorithm>

#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool all_in_berm(const WorkflowJob& job) {
  bool any = false;
  for (const WorkflowStep& step : job.steps) {
    for (const Agent& agent : step.agents) {
      if (!agent.in_berm) return false;
      any = true;
    }
  }
  return any;
}

bool blocks_egress(const WorkflowStep& step) {
  return step.action == "step-security/harden-runner" &&
         text_of(get(step.node, {"with", "egress-policy"})) == "block";
}

void check_egress(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    if (!job.agent || all_in_berm(job) || std::ranges::any_of(job.steps, blocks_egress)) continue;
    report.add(*workflow.file, job.key->span,
               fmt::format("the agent of job '{}' reaches every host", job.id));
  }
}

void check_concurrency(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    const bool limited =
        get(job.node, "concurrency") != nullptr || get(workflow.root, "concurrency") != nullptr;
    if (!job.agent || limited || workflow.untrusted_trigger() == nullptr) continue;
    report.add(*workflow.file, job.key->span,
               fmt::format("a hundred comments start job '{}' a hundred times", job.id));
  }
}

bool has_hook(const WorkflowStep& step) {
  const Node* settings = get(step.node, {"with", "settings"});
  if (settings != nullptr) return true;
  return std::ranges::any_of(step.agents, [](const Agent& agent) {
    return agent.in_berm || std::ranges::any_of(agent.arguments, [](const Said& word) {
             return word.text == "--settings" || word.text.starts_with("--settings=");
           });
  });
}

void check_hooks(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.agent != AgentUse::action && step.agent != AgentUse::command) continue;
    if (has_hook(step)) continue;
    report.add(*workflow.file, step.at(), "nobody judges what this agent's tools are told to do");
  }
}

}  // namespace

const Rule no_egress_control{
    .id = "no-egress-control",
    .title = "an agent that reaches every host",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why =
        "What cannot leave is not lost: an allow-list of hosts ends most of the published attacks "
        "at their last step.",
    .bad = "- run: claude -p \"$TASK\"",
    .good = "- run: berm run --allow @node -- claude -p \"$TASK\"",
    .fix = "run the agent by berm, or put an egress policy of `block` in front of it",
    .check = check_egress};

const Rule agent_no_concurrency{
    .id = "agent-no-concurrency",
    .title = "an agent that strangers start as often as they like",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why = "Each comment is a run, and each run is tokens: nothing bounds the bill.",
    .bad = "on: issue_comment\njobs: …",
    .good = "concurrency:\n  group: agent-${{ github.event.issue.number }}",
    .fix = "set a concurrency group",
    .check = check_concurrency};

const Rule agent_no_policy_hook{
    .id = "agent-no-policy-hook",
    .title = "an agent whose tool calls nobody judges",
    .severity = Severity::low,
    .persona = Persona::auditor,
    .why =
        "A hook or managed settings see each call before it is made; a list of tools sees its "
        "first word.",
    .bad = "- uses: anthropics/claude-code-action@v1",
    .good = "- run: berm run claude -p \"$TASK\"   # judges each call by berm.toml, and records it",
    .fix = "run the agent by berm, or give it settings with a PreToolUse hook",
    .check = check_hooks};

}  // namespace berm::lint

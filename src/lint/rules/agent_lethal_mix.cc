// The combination: each part alone is somebody's choice, all of them together are a way in.
#include <fmt/format.h>

#include <algorithm>

#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// The way from the stranger to what he gets, in the order in which he takes it.
std::vector<Location> path_of(const StepAt& at, const Trigger& trigger, const Hand& hand) {
  const Source* file = at.workflow.file;
  std::vector<Location> out = {
      with_note(trigger.at, fmt::format("a stranger causes '{}'", trigger.event))};
  if (const Node* open = opened_by(at.step))
    out.push_back({file, open->span, "everybody is let in"});
  for (const WorkflowStep& step : at.job.steps) {
    if (&step == &at.step) break;
    const std::optional<HeadCheckout> head = head_checkout(step);
    if (head) out.push_back({file, head->at, "his files are checked out"});
  }
  for (const StepText& text : prompts_of(at.step)) {
    for (const StrangersText& one : strangers_in(at.workflow, at.job, at.step, text.node->value)) {
      const std::size_t size = one.span.end - one.span.begin;
      out.push_back({file, span_in(*file, *text.node, one.span.begin, size),
                     "his words are the agent's instructions"});
    }
  }
  out.push_back({file, at.step.at(), "the agent reads them"});
  out.push_back({file, hand.at, hand.what});
  return out;
}

// What he gets: the worst of it first.
std::vector<Location> prizes(const StepAt& at) {
  std::vector<Location> out;
  for (const WritePermission& one : write_permissions(at.job)) {
    out.push_back({at.workflow.file, one.at,
                   one.scope == "write-all" ? "its token writes everything"
                                            : fmt::format("its token has {}: write", one.scope)});
  }
  for (const HeldSecret& one : secrets_held(at)) {
    out.push_back({at.workflow.file, one.at, fmt::format("it holds {}", one.name)});
  }
  return out;
}

bool only_alerts(const StepAt& at) {
  const std::vector<WritePermission> writes = write_permissions(at.job);
  return secrets_held(at).empty() && std::ranges::all_of(writes, [](const WritePermission& one) {
           return one.scope == "security-events";
         });
}

void check(const Model& model, Report& report) {
  for (const StepAt& at : model.steps) {
    if (at.step.agent != AgentUse::action && at.step.agent != AgentUse::command) continue;
    const Trigger* trigger = open_to_strangers(at);
    const std::optional<Hand> hand = trigger == nullptr ? std::nullopt : hand_of(at);
    if (!hand) continue;
    const std::vector<Location> gets = prizes(at);
    if (gets.empty()) continue;
    Finding& found = report.add(
        *at.workflow.file, at.step.at(),
        fmt::format("whoever causes '{}' steers this agent, and {}", trigger->event, gets[0].note));
    found.path = path_of(at, *trigger, *hand);
    found.path.insert(found.path.end(), gets.begin(), gets.end());
    if (only_alerts(at)) found.severity = Severity::high;
    // A gate may be the approval of an environment, or a job that decides in a script.
    if (at.job.needs.empty() && get(at.job.node, "environment") == nullptr) continue;
    found.confidence = Confidence::low;
    found.persona = Persona::auditor;
  }
}

}  // namespace

const Rule agent_lethal_mix{
    .id = "agent-lethal-mix",
    .title = "strangers' words, a right worth having, and a hand that runs commands, in one agent",
    .severity = Severity::critical,
    .why =
        "Nothing more is needed for a takeover: an issue that tells the agent to print a secret or "
        "to push a commit is read, believed and done (Clinejection; PromptPwnd; \"Comment and "
        "Control\", CVSS 9.4).",
    .bad =
        "on: issues\npermissions: {contents: write}\nsteps:\n  - run: claude -p \"Fix issue $N\" "
        "--allowedTools Bash",
    .good =
        "on: issues\npermissions: {contents: read}\nsteps:\n  - run: berm run -- claude -p \"Fix "
        "issue $N\"\n  # a second job, without a model, applies what was checked",
    .fix = "take one of the three away: gate the actor, drop the right, or let berm hold the agent",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// What is a program's text to whoever runs it.
bool is_code(const WorkflowStep& step, const StepText& text) {
  return text.where == "run" ||
         (step.action == "actions/github-script" && text.where == "with.script");
}

void look(const StepAt& at, const StepText& text, bool prompt, Report& report) {
  const Workflow& workflow = at.workflow;
  for (const StrangersText& one : strangers_in(workflow, at.job, at.step, text.node->value)) {
    const Span span =
        span_in(*workflow.file, *text.node, one.span.begin, one.span.end - one.span.begin);
    Finding& found =
        report.add(*workflow.file, span,
                   prompt ? fmt::format("{} becomes a part of the agent's instructions", one.path)
                          : fmt::format("{} becomes a part of the program", one.path));
    const Trigger* trigger = workflow.untrusted_trigger();
    if (trigger == nullptr) {
      found.severity = Severity::medium;
      continue;
    }
    found.path.push_back(with_note(trigger->at, "whoever causes this writes it"));
    const auto input = workflow.tainted.find(one.path);
    if (input != workflow.tainted.end()) found.path.push_back(input->second);
    found.path.push_back(
        {workflow.file, span, prompt ? "the agent is told" : "and it is run here"});
  }
}

void check_programs(const Model& model, Report& report) {
  for (const StepAt& at : model.steps) {
    if (at.step.agent == AgentUse::command) continue;
    for (const StepText& text : texts_of(at.step)) {
      if (is_code(at.step, text)) look(at, text, false, report);
    }
  }
}

void check_prompts(const Model& model, Report& report) {
  for (const StepAt& at : model.steps) {
    for (const StepText& text : prompts_of(at.step)) look(at, text, true, report);
  }
}

// By a variable: the prompt names it, or the agent prints it.
void check_variables(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.agent != AgentUse::action && step.agent != AgentUse::command) continue;
    for (const Entry& entry : entries_of(get(step.node, "env"))) {
      const Node* value = follow(entry.value);
      if (!is_scalar(value)) continue;
      const std::vector<StrangersText> found = strangers_in(workflow, job, step, value->value);
      if (found.empty()) continue;
      Finding& one =
          report.add(*workflow.file, value->span,
                     fmt::format("the agent finds {} in ${}", found[0].path, text_of(entry.key)));
      if (const Trigger* trigger = workflow.untrusted_trigger()) {
        one.path = {with_note(trigger->at, "whoever causes this writes it"),
                    {workflow.file, value->span, "and the agent reads it"}};
      } else {
        one.severity = Severity::low;
      }
    }
  }
}

}  // namespace

const Rule untrusted_text_in_prompt{
    .id = "untrusted-text-in-prompt",
    .title = "a stranger's text inside the agent's instructions",
    .severity = Severity::high,
    .why =
        "Between the lines of a prompt nobody tells the maintainer's sentences from the attacker's "
        "(PromptPwnd; \"Comment and Control\", CVSS 9.4, April 2026).",
    .bad = "prompt: \"Fix this: ${{ github.event.issue.body }}\"",
    .good =
        "prompt: \"Fix issue ${{ github.event.issue.number }}\"   # and let it read the issue as "
        "data, without write rights or secrets",
    .fix = "give the agent the number; let it read the text as data, in a job that can do no harm",
    .check = check_prompts};

const Rule template_injection{
    .id = "template-injection",
    .title = "a stranger's text inside a program",
    .severity = Severity::high,
    .why =
        "The expression is replaced before the shell sees the line: a title of $(curl …|sh) is run "
        "(securitylab.github.com).",
    .bad = "run: echo \"${{ github.event.issue.title }}\"",
    .good = "run: echo \"$TITLE\"\nenv:\n  TITLE: ${{ github.event.issue.title }}",
    .fix = "pass it by env: and quote the variable",
    .check = check_programs};

const Rule prompt_via_env{
    .id = "prompt-via-env",
    .title = "a stranger's text in the agent's environment",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "A variable keeps the text out of the shell's grammar, not out of the model's: what the "
        "prompt names, or `env` prints, is read all the same (Trail of Bits, vector A).",
    .bad = "env:\n  BODY: ${{ github.event.issue.body }}\nrun: claude -p \"Triage: $BODY\"",
    .good = "run: claude -p \"Triage issue $NUMBER\"   # in a job that can do no harm",
    .fix = "give the agent the number; let it read the text as data, in a job that can do no harm",
    .check = check_variables};

}  // namespace berm::lint

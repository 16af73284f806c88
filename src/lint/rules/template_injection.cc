#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// What is a program's text to whoever runs it.
bool is_code(const WorkflowStep& step, const StepText& text) {
  return text.where == "run" ||
         (step.action == "actions/github-script" && text.where == "with.script");
}

bool is_prompt(const WorkflowStep& step, const StepText& text) {
  if (step.agent == AgentUse::none) return false;
  if (text.where == "run") return true;
  static constexpr const char* kPrompts[] = {"with.prompt",
                                             "with.direct_prompt",
                                             "with.override_prompt",
                                             "with.custom_instructions",
                                             "with.claude_args",
                                             "with.system_prompt",
                                             "with.append_system_prompt",
                                             "with.prompt-file",
                                             "with.codex-args",
                                             "with.system-prompt"};
  return std::ranges::find(kPrompts, text.where) != std::end(kPrompts);
}

void look(const Workflow& workflow, const WorkflowStep& step, bool prompts, Report& report) {
  for (const StepText& text : texts_of(step)) {
    const bool prompt = is_prompt(step, text);
    if (prompts ? !prompt || text.where == "run" : !is_code(step, text)) continue;
    for (const Embedded& one : expressions_in(text.node->value)) {
      if (!one.expression) continue;
      for (const ContextPath& path : contexts_in(*one.expression)) {
        if (!is_untrusted(path.path)) continue;
        const Span at =
            span_in(*workflow.file, *text.node, one.span.begin, one.span.end - one.span.begin);
        Finding& found = report.add(
            *workflow.file, at,
            prompts ? fmt::format("{} becomes a part of the agent's instructions", path.path)
                    : fmt::format("{} becomes a part of the program", path.path));
        std::string event;
        const Node* trigger = workflow.untrusted_trigger(&event);
        if (trigger != nullptr)
          found.path = {{workflow.file, trigger->span, "whoever causes this writes it"},
                        {workflow.file, at, "and it is run here"}};
        if (trigger == nullptr) found.severity = Severity::medium;
      }
    }
  }
}

void check_programs(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      for (const WorkflowStep& step : job.steps) look(workflow, step, false, report);
    }
  }
}

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      for (const WorkflowStep& step : job.steps) look(workflow, step, true, report);
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
    .check = check};

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

}  // namespace berm::lint

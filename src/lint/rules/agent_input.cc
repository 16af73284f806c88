// Strangers' text that an agent fetches itself, or finds in what another job left.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

template <std::size_t N>
std::size_t first_of(const std::array<std::string_view, N>& all, std::string_view text,
                     std::string_view& found) {
  std::size_t at = text.npos;
  for (const std::string_view one : all) {
    const std::size_t here = text.find(one);
    if (here >= at) continue;
    at = here;
    found = one;
  }
  return at;
}

void check_fetch(const Model& model, Report& report) {
  static constexpr std::array<std::string_view, 8> kFetches = {
      "gh issue view", "gh pr view",   "gh pr diff", "gh api",
      "gh issue list", "gh pr checks", "gh pr list", "gh search"};
  for (const StepAt& at : model.steps) {
    const Trigger* trigger = at.workflow.untrusted_trigger();
    if (trigger == nullptr) continue;
    for (const StepText& text : prompts_of(at.step)) {
      // A tool that may do it is not yet told to.
      if (text.where == "with.claude_args" || text.where == "with.settings") continue;
      std::string_view what;
      const std::size_t found = first_of(kFetches, text.node->value, what);
      if (found == std::string::npos) continue;
      const Span span = span_in(*at.workflow.file, *text.node, found, what.size());
      Finding& one = report.add(*at.workflow.file, span,
                                fmt::format("the agent fetches what strangers wrote: {}", what));
      one.path = {with_note(trigger->at, "strangers cause this"),
                  {at.workflow.file, span, "and the agent reads what they wrote"}};
    }
  }
}

bool is_log(const Command& command) {
  return command.program() == "gh" && command.has("run") && command.has("view") &&
         (command.has("--log") || command.has("--log-failed"));
}

void report_log(const Workflow& workflow, const Trigger& trigger, Span span, Report& report) {
  Finding& found =
      report.add(*workflow.file, span, "the agent reads what a stranger's run printed");
  found.path = {with_note(trigger.at, "runs after a workflow that strangers start"),
                {workflow.file, span, "and reads its log"}};
}

void check_logs(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Trigger* trigger = workflow.trigger("workflow_run");
    if (trigger == nullptr || !job.agent) continue;
    for (const Command& command : step.script ? step.script->commands : std::vector<Command>()) {
      if (is_log(command))
        report_log(workflow, *trigger, step.script->in_file(command.span), report);
    }
    if (step.agent != AgentUse::action) continue;
    for (const StepText& text : prompts_of(step)) {
      const std::size_t at = text.node->value.find("gh run view");
      if (at != std::string::npos)
        report_log(workflow, *trigger, span_in(*workflow.file, *text.node, at, 11), report);
    }
  }
}

// Where a run's files are fetched from another run: nullopt: they are this one's own.
std::optional<Span> foreign_artifact(const WorkflowStep& step) {
  if (step.action == "dawidd6/action-download-artifact") return step.at();
  if (step.action == "actions/download-artifact" && get(step.node, {"with", "run-id"}) != nullptr)
    return step.at();
  if (!step.script) return std::nullopt;
  for (const Command& command : step.script->commands) {
    if (command.program() == "gh" && command.has("run") && command.has("download"))
      return step.script->in_file(command.span);
  }
  return std::nullopt;
}

void check_artifacts(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Trigger* trigger = workflow.trigger("workflow_run");
    if (trigger == nullptr || !job.agent) continue;
    const std::optional<Span> at = foreign_artifact(step);
    if (!at) continue;
    Finding& found =
        report.add(*workflow.file, *at, "the agent works on files that a stranger's run made");
    found.path = {with_note(trigger->at, "runs after a workflow that strangers start"),
                  {workflow.file, *at, "and takes what it left"}};
  }
}

}  // namespace

const Rule cli_fetch_of_untrusted{
    .id = "cli-fetch-of-untrusted",
    .title = "an agent that is told to fetch what strangers wrote",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "The prompt is clean, and what it tells the agent to read is not: the text arrives as a "
        "tool's result and is believed all the same (Trail of Bits, vector C).",
    .bad = "on: issues\n…\nprompt: \"Read the issue with gh issue view, and fix it\"",
    .good = "on: issues\n…\nif: github.event.issue.author_association == 'OWNER'",
    .fix = "gate who starts it, and take from this job what strangers must not have",
    .check = check_fetch};

const Rule log_text_to_agent{
    .id = "log-text-to-agent",
    .title = "an agent that reads the log of a stranger's run",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "Whoever opens a pull request decides what its tests print; \"fix the failed build\" reads "
        "it with the rights of the default branch (Trail of Bits, vector E).",
    .bad = "on: workflow_run\n…\n- run: gh run view \"$ID\" --log-failed > log.txt",
    .good = "if: github.event.workflow_run.head_repository.full_name == github.repository",
    .fix = "leave the runs of forks out, and take write rights and secrets from this job",
    .check = check_logs};

const Rule untrusted_artifact{
    .id = "untrusted-artifact",
    .title = "an agent that works on what a stranger's run left",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "An artifact of a fork's run is the fork's: its files overwrite yours, agent settings and "
        "instructions among them (securitylab.github.com, artifact poisoning).",
    .bad = "on: workflow_run\n…\n- uses: dawidd6/action-download-artifact@v6",
    .good = "with: {path: \"${{ runner.temp }}/artifact\"}   # and check what it is",
    .fix = "leave the runs of forks out, or unpack outside of the work tree and check it",
    .check = check_artifacts};

}  // namespace berm::lint

// What an agent says, run as a program by what comes after it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_shell_program(std::string_view program) {
  static constexpr std::array<std::string_view, 9> kAll = {
      "sh", "bash", "zsh", "dash", "python", "python3", "node", "eval", "source"};
  return std::ranges::find(kAll, program) != kAll.end();
}

// "claude -p … | sh": a later stage of the agent's pipeline.
void check_pipes(const Job& job, const Script& script, Report& report) {
  for (const Command& agent : script.commands) {
    if (!agent_start(agent)) continue;
    for (const Command& one : script.commands) {
      const bool behind = one.pipeline == agent.pipeline && one.stage > agent.stage;
      const bool bare = one.words.size() == 1 || one.has("-") || one.has("-s") || one.has("-e");
      if (!behind || !is_shell_program(one.program()) || !bare) continue;
      report.add(*script.file, script.in_file(one.span),
                 fmt::format("{} runs what its agent prints", words_for(job)));
    }
  }
}

// What runs the words that a substitution gives: "eval", "bash -c"; "" = nothing does.
std::string_view runner_before(std::string_view text) {
  const auto strip = [&](std::string_view end) {
    const bool has = text.ends_with(end);
    if (has) text = trim(text.substr(0, text.size() - end.size()));
    return has;
  };
  if (!strip("$(") && !strip("`")) return "";
  strip("\"");
  const std::size_t blank = text.find_last_of(" \t;&|(");
  const std::string_view last = blank == text.npos ? text : text.substr(blank + 1);
  if (last == "eval") return last;
  if (!last.starts_with('-') || !last.ends_with('c') || blank == text.npos) return "";
  const std::string_view before = trim(text.substr(0, blank));
  const std::size_t word = before.find_last_of(" \t;&|(/");
  const std::string_view program = word == before.npos ? before : before.substr(word + 1);
  return is_shell_program(program) ? text.substr(text.size() - last.size()) : "";
}

// "eval "$(claude …)"": to the shell's reader that is code which nobody knows yet.
void check_substitutions(const Job& job, const Script& script, Report& report) {
  const std::string_view text = script.node->value;
  for (const Command& agent : script.commands) {
    if (!agent_start(agent)) continue;
    const std::size_t line = text.rfind('\n', agent.span.begin) + 1;
    const std::string_view before = text.substr(line, agent.span.begin - line);
    const std::string_view runner = runner_before(trim(before));
    if (runner.empty()) continue;
    const auto at = static_cast<std::size_t>(runner.data() - text.data());
    report.add(*script.file, script.in_file({at, agent.span.end}),
               fmt::format("{} runs what its agent prints", words_for(job)));
  }
}

// "claude … >> $GITHUB_ENV": variables and programs of every later step.
void check_files(const Job& job, const Script& script, Report& report) {
  const std::string& text = script.node->value;
  for (const Command& agent : script.commands) {
    if (!agent_start(agent)) continue;
    const std::size_t end = std::min(text.find('\n', agent.span.end), text.size());
    const std::string_view rest =
        std::string_view(text).substr(agent.span.begin, end - agent.span.begin);
    for (const std::string_view name : {"GITHUB_ENV", "GITHUB_PATH", "BASH_ENV"}) {
      const std::size_t at = rest.find(name);
      if (at == rest.npos || rest.find(">>") == rest.npos) continue;
      report.add(*script.file,
                 script.in_file({agent.span.begin + at, agent.span.begin + at + name.size()}),
                 fmt::format("{} puts what its agent prints into ${}", words_for(job), name));
    }
  }
}

bool is_code(const WorkflowStep& step, const StepText& text) {
  return text.where == "run" ||
         (step.action == "actions/github-script" && text.where == "with.script");
}

// ${{ steps.agent.outputs.x }} in a script: its words become the script's.
void check_outputs(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (!job.agent) continue;
    for (const StepText& text : texts_of(step)) {
      if (!is_code(step, text)) continue;
      for (const Embedded& one : expressions_in(text.node->value)) {
        for (const ContextPath& path :
             one.expression ? contexts_in(*one.expression) : std::vector<ContextPath>()) {
          const bool agents =
              std::any_of(job.steps.begin(), job.steps.end(), [&](const WorkflowStep& other) {
                const std::string id = lower(other.id);
                return other.agent != AgentUse::none && !id.empty() &&
                       path.path.starts_with("steps." + id + ".outputs.");
              });
          if (!agents) continue;
          report.add(
              *workflow.file,
              span_in(*workflow.file, *text.node, one.span.begin, one.span.end - one.span.begin),
              fmt::format("what the agent says ({}) becomes a part of the program", path.path));
        }
      }
    }
  }
}

void check(const Model& model, Report& report) {
  check_outputs(model, report);
  for (const Job& job : model.jobs) {
    if (job.agents.empty()) continue;
    for (const Script* script : job.scripts) {
      check_pipes(job, *script, report);
      check_substitutions(job, *script, report);
      check_files(job, *script, report);
    }
  }
}

// GitLab's variables and Azure's macros that a stranger decides.
void check_pipeline_text(const Model& model, Report& report) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "CI_COMMIT_MESSAGE",
      "CI_COMMIT_TITLE",
      "CI_COMMIT_DESCRIPTION",
      "CI_MERGE_REQUEST_TITLE",
      "CI_MERGE_REQUEST_DESCRIPTION",
      "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
      "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME"};
  for (const AgentAt& at : agents_of(model)) {
    if (at.job.system != CiSystem::gitlab || at.agent.command == nullptr) continue;
    const Span span = at.agent.command->span;
    const std::string_view text =
        std::string_view(at.agent.script->node->value).substr(span.begin, span.end - span.begin);
    for (const std::string_view name : kNames) {
      const std::size_t found = text.find(name);
      if (found == text.npos) continue;
      report.add(*at.agent.file,
                 at.agent.script->in_file({span.begin + found, span.begin + found + name.size()}),
                 fmt::format("${} becomes a part of the agent's instructions", name));
    }
  }
}

void check_macros(const Model& model, Report& report) {
  static constexpr std::array<std::string_view, 4> kMacros = {
      "$(Build.SourceVersionMessage)", "$(System.PullRequest.SourceBranch)",
      "$(Build.SourceBranchName)", "$(System.PullRequest.SourceBranchName)"};
  for (const Job& job : model.jobs) {
    if (job.system != CiSystem::azure) continue;
    for (const Script* script : job.scripts) {
      for (const std::string_view macro : kMacros) {
        const std::size_t at = script->node->value.find(macro);
        if (at == std::string::npos) continue;
        report.add(*script->file, script->in_file({at, at + macro.size()}),
                   fmt::format("{} is put into the program before the shell reads it", macro));
      }
    }
  }
}

}  // namespace

const Rule agent_output_executed{
    .id = "agent-output-executed",
    .title = "what an agent says, run as a program",
    .severity = Severity::high,
    .why =
        "Its tools may be held, and its answer is not: whoever steers the words steers the shell "
        "that reads them (Trail of Bits, vector G).",
    .bad = "- run: eval \"$(claude -p 'Which command fixes this?')\"",
    .good = "- run: claude -p 'Which command fixes this?' > answer.txt   # and a person reads it",
    .fix = "write it to a file, and let a person or a parser decide",
    .check = check};

const Rule pipeline_text_in_prompt{
    .id = "pipeline-text-in-prompt",
    .title = "a merge request's words inside the agent's instructions",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "Title, description and messages are their author's; the model does not tell them from "
        "the prompt around them (Trail of Bits, vector A).",
    .bad = "script: claude -p \"Review: $CI_MERGE_REQUEST_DESCRIPTION\"",
    .good = "script: claude -p \"Review merge request $CI_MERGE_REQUEST_IID\"",
    .fix = "give the agent the number; let it read the text as data, in a job that can do no harm",
    .check = check_pipeline_text};

const Rule macro_injection{
    .id = "macro-injection",
    .title = "a stranger's text inside a program, by a macro",
    .severity = Severity::high,
    .confidence = Confidence::medium,
    .why =
        "Azure replaces $(…) before the shell sees the line: a branch named x\"$(curl …)\" is run "
        "(learn.microsoft.com: securing pipelines, inputs).",
    .bad = "- script: echo \"$(Build.SourceVersionMessage)\"",
    .good = "- script: echo \"$MESSAGE\"\n  env: {MESSAGE: $(Build.SourceVersionMessage)}",
    .fix = "pass it by env: and quote the variable",
    .check = check_macros};

}  // namespace berm::lint

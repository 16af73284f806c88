#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

using Words = std::initializer_list<std::string_view>;

bool says(const Command& command, Words any) {
  return std::any_of(any.begin(), any.end(),
                     [&](std::string_view word) { return command.has(word); });
}

// Programs that run what the tree they stand in says: scripts, plug-ins, build files.
bool runs_tree(const Command& command) {
  static constexpr std::array<std::string_view, 26> kAlways = {
      "make",   "ninja", "cmake", "pytest", "tox",    "nox",     "mvn",      "gradle",    "gradlew",
      "bundle", "rake",  "rspec", "jest",   "vitest", "phpunit", "composer", "tsc",       "eslint",
      "ruff",   "turbo", "nx",    "just",   "task",   "sbt",     "bazel",    "pre-commit"};
  const std::string_view program = command.program();
  if (command.words[0].text.starts_with("./") || command.words[0].text.starts_with("../"))
    return true;
  if (program == "npm" || program == "pnpm" || program == "yarn" || program == "bun") {
    const bool installs = says(command, {"install", "ci", "i", "add"});
    // What is installed for the machine is no part of the tree.
    if (says(command, {"-g", "--global"})) return false;
    return (installs && !command.has("--ignore-scripts")) ||
           says(command, {"run", "test", "start", "build", "exec"}) ||
           (program == "yarn" && command.words.size() == 1);
  }
  if (program == "pip" || program == "pip3" || program == "uv" || program == "poetry")
    return says(command, {"install", "sync", "run"});
  if (program == "go") return says(command, {"test", "run", "generate"});
  if (program == "cargo") return says(command, {"build", "test", "run", "bench", "check"});
  if (program == "dotnet") return says(command, {"build", "test", "run"});
  if (program == "docker") return says(command, {"build", "buildx"}) && command.has(".");
  const bool interpreter = program == "python" || program == "python3" || program == "node" ||
                           program == "bash" || program == "sh" || program == "ruby";
  if (interpreter && command.words.size() > 1) {
    const std::string& script = command.words[1].text;
    return !script.starts_with('-') && !script.starts_with('/') && !script.starts_with('$');
  }
  return std::ranges::find(kAlways, program) != kAlways.end();
}

std::string running(const WorkflowStep& step) {
  if (step.action.starts_with("./")) return "its action";
  if (!step.script) return "";
  for (const Command& command : step.script->commands) {
    if (!command.words.empty() && runs_tree(command)) return std::string(command.program());
  }
  return "";
}

void check_job(const Workflow& workflow, const WorkflowJob& job, const Trigger& trigger,
               Report& report) {
  std::optional<HeadCheckout> head;
  for (const WorkflowStep& step : job.steps) {
    if (std::optional<HeadCheckout> here = head_checkout(step)) {
      head = here;
      continue;
    }
    const std::string what = head && step.agent != AgentUse::command ? running(step) : "";
    if (what.empty()) continue;
    Finding& found =
        report.add(*workflow.file, step.at(),
                   fmt::format("'{}' runs what a stranger pushed, with the rights of '{}'", what,
                               trigger.event));
    found.path = {with_note(trigger.at, "runs with the repository's token and secrets"),
                  {workflow.file, head->at, "fetches the stranger's files"},
                  {workflow.file, step.at(), "and runs them"}};
    if (is_gated(workflow, job, &step)) found.severity = Severity::medium;
  }
}

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    const Trigger* trigger = workflow.untrusted_trigger();
    if (trigger == nullptr || trigger->event == "issues" ||
        trigger->event.starts_with("discussion"))
      continue;
    check_job(workflow, job, *trigger, report);
  }
}

}  // namespace

const Rule head_code_executed{
    .id = "head-code-executed",
    .title = "a privileged job that runs a pull request's code",
    .severity = Severity::high,
    .why =
        "Package scripts, test files and build files are programs: in a job of "
        "pull_request_target they run with the token and the secrets (\"pwn requests\", "
        "securitylab.github.com; the Nx and Ultralytics releases were stolen this way).",
    .bad =
        "on: pull_request_target\nsteps:\n  - uses: actions/checkout@v4\n    with: {ref: \"${{ "
        "github.event.pull_request.head.sha }}\"}\n  - run: npm ci",
    .good = "on: pull_request   # no secrets for forks\nsteps:\n  - run: npm ci",
    .fix = "run it in a job of pull_request, and hand its result on as data",
    .check = check};

}  // namespace berm::lint

// What else is in an agent's job: steps behind it that trust the machine it has worked on.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool says(const Command& command, std::string_view program, std::string_view word) {
  return command.program() == program && (word.empty() || command.has(word));
}

// What leaves the machine with rights, by a command or an action.
std::string publishes(const WorkflowStep& step) {
  struct Act {
    std::string_view program;
    std::string_view word;
  };
  static constexpr std::array<Act, 18> kActs = {{{"npm", "publish"},
                                                 {"pnpm", "publish"},
                                                 {"yarn", "publish"},
                                                 {"cargo", "publish"},
                                                 {"twine", "upload"},
                                                 {"gem", "push"},
                                                 {"docker", "push"},
                                                 {"podman", "push"},
                                                 {"helm", "push"},
                                                 {"helm", "upgrade"},
                                                 {"kubectl", "apply"},
                                                 {"terraform", "apply"},
                                                 {"pulumi", "up"},
                                                 {"aws", "deploy"},
                                                 {"aws", "s3"},
                                                 {"gcloud", "deploy"},
                                                 {"vercel", ""},
                                                 {"wrangler", "deploy"}}};
  static constexpr std::array<std::string_view, 6> kActions = {
      "docker/build-push-action",   "pypa/gh-action-pypi-publish", "softprops/action-gh-release",
      "peaceiris/actions-gh-pages", "actions/deploy-pages",        "changesets/action"};
  if (std::ranges::find(kActions, step.action) != kActions.end()) return step.action;
  for (const Command& command : step.script ? step.script->commands : std::vector<Command>()) {
    for (const Act& act : kActs) {
      if (says(command, act.program, act.word)) return fmt::format("{} {}", act.program, act.word);
    }
  }
  return "";
}

bool pushes(const WorkflowStep& step) {
  static constexpr std::array<std::string_view, 4> kActions = {
      "peter-evans/create-pull-request", "stefanzweifel/git-auto-commit-action",
      "ad-m/github-push-action", "endbug/add-and-commit"};
  if (std::ranges::find(kActions, step.action) != kActions.end()) return true;
  const std::vector<Command> none;
  const std::vector<Command>& commands = step.script ? step.script->commands : none;
  return std::ranges::any_of(commands, [](const Command& command) {
    return says(command, "git", "push") || (says(command, "gh", "pr") && command.has("create"));
  });
}

// The agent's step, and those behind it.
template <class Visit>
void behind_agents(const Model& model, Visit visit) {
  for (const JobAt& at : model.workflow_jobs) {
    const auto is_agent = [](const WorkflowStep& step) { return step.agent != AgentUse::none; };
    const auto agent = std::ranges::find_if(at.job.steps, is_agent);
    if (agent == at.job.steps.end()) continue;
    for (auto step = agent + 1; step != at.job.steps.end(); ++step) {
      if (!is_agent(*step)) visit(at, *agent, *step);
    }
  }
}

void check_last(const Model& model, Report& report) {
  behind_agents(model, [&](const JobAt& at, const WorkflowStep& agent, const WorkflowStep& step) {
    const std::vector<HeldSecret> secrets = own_secrets(step);
    const std::string act = publishes(step);
    if (secrets.empty() && act.empty()) return;
    const std::string what =
        act.empty() ? fmt::format("uses {}", secrets[0].name) : fmt::format("does '{}'", act);
    Finding& found =
        report.add(*at.workflow.file, step.at(),
                   fmt::format("this step {} on the machine that the agent has worked on", what));
    found.path = {{at.workflow.file, agent.at(), "changes files, $PATH, git hooks, what runs on"},
                  {at.workflow.file, step.at(), "and this trusts them"}};
  });
}

void check_writes(const Model& model, Report& report) {
  behind_agents(model, [&](const JobAt& at, const WorkflowStep& agent, const WorkflowStep& step) {
    if (!pushes(step)) return;
    Finding& found = report.add(*at.workflow.file, step.at(),
                                fmt::format("job '{}' both thinks and writes", at.job.id));
    found.path = {{at.workflow.file, agent.at(), "the model"},
                  {at.workflow.file, step.at(), "the writer, with the same token"}};
  });
}

void check_installs(const Model& model, Report& report) {
  for (const auto& [job, script, command] : commands_of(model)) {
    const std::string_view program = command.program();
    if (job.agents.empty() || command.words.size() < 2) continue;
    const std::string_view verb = command.words[1].text;
    const bool installs = (program == "npm" || program == "pnpm" || program == "yarn") &&
                          (verb == "ci" || verb == "install" || verb == "i");
    if (!installs || command.has("--ignore-scripts") || command.has("-g")) continue;
    report.add(*script.file, script.in_file(command.span),
               "every dependency's install script runs beside the agent");
  }
}

}  // namespace

const Rule agent_not_last{
    .id = "agent-not-last",
    .title = "a step with rights behind the agent's",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "What the agent was talked into leaves traces that later steps run: a git hook, a changed "
        "script, $GITHUB_PATH, a process that waits. A job has one machine.",
    .bad = "- run: claude -p \"Prepare the release\"\n- run: npm publish",
    .good = "release:\n  needs: prepare   # a fresh machine, and the agent's patch as data",
    .fix = "move the step into a job of its own that takes the agent's result as data",
    .check = check_last};

const Rule agent_read_write_same_job{
    .id = "agent-read-write-same-job",
    .title = "the model and the writer in one job",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why =
        "The token that pushes is there while the model reads. Two jobs, the first read-only, "
        "leave it nothing to take (the shape of GitHub's own agentic workflows).",
    .bad = "- uses: anthropics/claude-code-action@v1\n- run: git push",
    .good = "jobs: {propose: {permissions: {contents: read}}, apply: {needs: propose}}",
    .fix = "let a second job, without a model, apply what was checked",
    .check = check_writes};

const Rule install_scripts{
    .id = "install-scripts",
    .title = "dependencies' install scripts in an agent's job",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why =
        "A package that was taken over runs its postinstall with all that the job holds (Nx, "
        "August 2025: it looked for coding agents, too).",
    .bad = "- run: npm ci\n- uses: anthropics/claude-code-action@v1",
    .good = "- run: npm ci --ignore-scripts",
    .fix = "add --ignore-scripts, or install in a job without keys",
    .check = check_installs};

}  // namespace berm::lint

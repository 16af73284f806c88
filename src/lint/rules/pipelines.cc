// What pipelines of every system have in common beyond their agents' words.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool has_agent(const Model& model, const Source* file) {
  return std::ranges::any_of(model.jobs, [&](const Job& job) {
    const bool own =
        !job.agents.empty() || (job.workflow_job != nullptr && job.workflow_job->agent);
    return own && job.file == file;
  });
}

void check_forks(const Model& model, Report& report) {
  for (const Job& job : model.jobs) {
    if (job.agents.empty() || job.strangers == nullptr) continue;
    Finding& found = report.add(
        *job.file, job.at,
        fmt::format("the agent of {} works for merge requests of forks", words_for(job)));
    found.path = {{job.file, job.strangers->span, "started by a merge request, of a fork's too"}};
  }
}

void check_includes(const Model& model, Report& report) {
  for (const Include& one : model.includes) {
    if (one.moves.empty()) continue;
    Finding& found = report.add(*one.file, one.at,
                                fmt::format("{} is a part of this pipeline, and {}",
                                            printable(one.what), printable(one.moves)));
    if (!has_agent(model, one.file)) found.persona = Persona::pedantic;
  }
}

bool is_dind(std::string_view image) {
  const std::size_t slash = image.rfind('/') + 1;
  const std::string_view name = image.substr(slash == 0 ? 0 : slash);
  return name.starts_with("docker:") && name.find("dind") != name.npos;
}

void check_dind(const Model& model, Report& report) {
  for (const Job& job : model.jobs) {
    if (job.agents.empty()) continue;
    for (const Node* service : job.services) {
      if (!is_dind(text_of(service))) continue;
      report.add(*job.file, service->span,
                 fmt::format("the agent of {} commands a privileged engine", words_for(job)));
    }
    if (job.workflow_job == nullptr) continue;
    for (const Entry& entry : entries_of(get(job.node, "services"))) {
      const Node* image = get(entry.value, "image");
      if (is_dind(text_of(image)))
        report.add(*job.file, image->span,
                   fmt::format("the agent of {} commands a privileged engine", words_for(job)));
    }
  }
}

bool merges(const Command& command) {
  const bool forge = command.program() == "gh" || command.program() == "glab";
  return forge && command.has("merge") && (command.has("pr") || command.has("mr")) &&
         !command.has("--help") && !command.has("--disable-auto");
}

void check_merge(const Model& model, Report& report) {
  for (const AgentAt& at : agents_of(model)) {
    for (const Said& tool : at.agent.tools) {
      if (tool.text.find("gh pr merge") != std::string::npos ||
          tool.text.find("glab mr merge") != std::string::npos)
        report.add(*at.agent.file, tool.span, "the agent may merge what it wrote");
    }
  }
  for (const auto& [job, script, command] : commands_of(model)) {
    const bool agent =
        !job.agents.empty() || (job.workflow_job != nullptr && job.workflow_job->agent);
    if (agent && merges(command))
      report.add(*script.file, script.in_file(command.span),
                 fmt::format("{} merges what its agent wrote", words_for(job)));
  }
  static constexpr std::array<std::string_view, 2> kActions = {
      "peter-evans/enable-pull-request-automerge", "pascalgn/automerge-action"};
  for (const auto& [workflow, job, step] : model.steps) {
    if (job.agent && std::ranges::find(kActions, step.action) != kActions.end())
      report.add(*workflow.file, step.at(),
                 fmt::format("job '{}' merges what its agent wrote", job.id));
  }
}

// What judges others: if it may fail, it judges nobody.
bool is_guard(std::string_view program) {
  static constexpr std::array<std::string_view, 10> kGuards = {
      "berm",  "gitleaks", "trufflehog", "zizmor", "semgrep",
      "trivy", "codeql",   "actionlint", "grype",  "checkov"};
  return std::ranges::find(kGuards, program) != kGuards.end();
}

bool is_guard(const WorkflowStep& step) {
  for (const std::string_view part :
       {"gitleaks/", "trufflesecurity/trufflehog", "zizmorcore/", "aquasecurity/trivy-action",
        "github/codeql-action/analyze", "semgrep/", "bridgecrewio/checkov"}) {
    if (step.action.starts_with(part)) return true;
  }
  return step.script && std::ranges::any_of(step.script->commands, [](const Command& command) {
           return is_guard(command.program());
         });
}

void check_guard(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Node* may_fail = follow(get(step.node, "continue-on-error"));
    if (!is_true(may_fail) || !is_guard(step) || !has_agent(model, workflow.file)) continue;
    report.add(*workflow.file, may_fail->span, "this check is made, and what it finds is let pass");
  }
  for (const Job& job : model.jobs) {
    if (!is_true(job.may_fail) || !has_agent(model, job.file)) continue;
    const bool guards = std::ranges::any_of(job.scripts, [](const Script* script) {
      return std::ranges::any_of(script->commands,
                                 [](const Command& one) { return is_guard(one.program()); });
    });
    if (guards)
      report.add(*job.file, follow(job.may_fail)->span,
                 "this check is made, and what it finds is let pass");
  }
}

void check_contained(const Model& model, Report& report) {
  for (const AgentAt& at : agents_of(model)) {
    const bool held = at.agent.in_berm || at.job.in_container || at.job.system == CiSystem::shell ||
                      get(at.job.node, "container") != nullptr;
    if (!held)
      report.add(*at.agent.file, at.agent.at,
                 fmt::format("the agent of {} works on the runner itself", words_for(at.job)));
  }
}

}  // namespace

const Rule agent_fork_pipeline{
    .id = "agent-fork-pipeline",
    .title = "an agent in the pipelines of forks' merge requests",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "A member who starts the pipeline of a fork's merge request starts it in the parent "
        "project, with the parent's variables, on the fork's files "
        "(docs.gitlab.com: merge request pipelines, forks).",
    .bad = "rules:\n  - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"",
    .good =
        "rules:\n  - if: $CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID\n    when: never\n  "
        "- if: $CI_PIPELINE_SOURCE == \"merge_request_event\"",
    .fix = "leave forks out, and make the agent's variables protected ones",
    .check = check_forks};

const Rule unpinned_include{
    .id = "unpinned-include",
    .title = "a pipeline whose parts move",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "Whoever may push there runs what he likes here, with these variables; an orb's or a "
        "template's branch is a door like an action's tag (CVE-2025-30066).",
    .bad = "include:\n  - project: ci/templates\n    file: agent.yml",
    .good =
        "include:\n  - project: ci/templates\n    ref: 0123456789abcdef0123456789abcdef01234567\n  "
        "  file: agent.yml",
    .fix = "name a commit, a full version or a checksum",
    .check = check_includes};

const Rule agent_docker_in_docker{
    .id = "agent-docker-in-docker",
    .title = "an agent beside a privileged container engine",
    .severity = Severity::high,
    .confidence = Confidence::medium,
    .why =
        "docker:dind needs a privileged runner; whoever may ask it for a container may ask for one "
        "with the host's disk (docs.gitlab.com: Docker-in-Docker).",
    .bad = "services: [docker:27-dind]",
    .good = "# build images in a job without an agent, or by a rootless builder",
    .fix = "build in a job of its own, or use a rootless builder",
    .check = check_dind};

const Rule agent_auto_merge{
    .id = "agent-auto-merge",
    .title = "an agent whose change nobody has to read",
    .severity = Severity::high,
    .why =
        "What the agent was talked into is on the default branch before a person has seen it; "
        "review is the last layer, and this takes it off.",
    .bad = "- run: gh pr merge --auto --squash \"$PR\"",
    .good = "- run: gh pr create --draft   # a person merges",
    .fix = "open a pull request, and let a person merge it",
    .check = check_merge};

const Rule guard_not_fatal{
    .id = "guard-not-fatal",
    .title = "a check whose failure is no failure",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why = "A guard that may fail passes everything, and its green tick says that it did not.",
    .bad = "- run: berm verify record.jsonl\n  continue-on-error: true",
    .good = "- run: berm verify record.jsonl",
    .fix = "let its failure end the job",
    .check = check_guard};

const Rule agent_not_contained{
    .id = "agent-not-contained",
    .title = "an agent on the runner itself",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why =
        "It has the runner's user, sudo, the container engine's socket, the network and every file "
        "that earlier steps left.",
    .bad = "- run: claude -p \"$TASK\"",
    .good = "- run: berm run claude -p \"$TASK\"",
    .fix = "run the agent by berm",
    .check = check_contained};

}  // namespace berm::lint

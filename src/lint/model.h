// src/lint/model.h: the files of a repository as what they make happen; rules ask this. Pure.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lint/container.h"
#include "lint/dockerfile.h"
#include "lint/job.h"
#include "lint/kubernetes.h"
#include "lint/node.h"
#include "lint/settings.h"
#include "lint/workflow.h"

namespace berm::lint {

/// A file that was recognised.
struct File {
  enum class Kind : std::uint8_t {
    kubernetes,
    workflow,   ///< .github/workflows/*.yml
    composite,  ///< action.yml
    gitlab,     ///< .gitlab-ci.yml and what it includes
    circleci,   ///< .circleci/config.yml
    azure,      ///< azure-pipelines.yml and its templates
    compose,    ///< compose.yaml
    devcontainer,
    dockerfile,
    claude_settings,
    mcp,
    codex,
    gemini,
    opencode,
    instructions,  ///< CLAUDE.md, AGENTS.md, a command, a skill
    policy,        ///< berm.toml
    shell,         ///< *.sh
  };
  Kind kind = Kind::kubernetes;
  std::unique_ptr<Source> source;
  Tree tree;
};

/// Of a workflow: one of its jobs, one of its steps.
struct JobAt {
  const Workflow& workflow;
  const WorkflowJob& job;
};
struct StepAt {
  const Workflow& workflow;
  const WorkflowJob& job;
  const WorkflowStep& step;
};

/// Everything that was read, from all files together. What points into it does so to the end.
struct Model {
  std::deque<File> files;
  Cluster cluster;
  std::deque<Workflow> workflows;
  std::vector<JobAt> workflow_jobs;   ///< of all, but those of composite actions
  std::vector<StepAt> steps;          ///< of all, those of composite actions too
  std::deque<Script> scripts;         ///< of jobs that do not own theirs
  std::deque<Job> jobs;               ///< of every system
  std::vector<Include> includes;      ///< of pipelines
  std::vector<Container> containers;  ///< that an engine starts
  std::vector<ImageBuild> builds;
  std::vector<Settings> settings;
};

/// True if a file of this name could be one of ours: whether it is worth reading.
[[nodiscard]] bool may_be_ours(std::string_view path);
/// What a file is, by its path and content; nullopt: none of ours.
[[nodiscard]] std::optional<File::Kind> kind_of(std::string_view path, std::string_view text);

/// Reads a file into the model, if it is one of ours. @return whether it is
bool add_file(Model& model, std::string path, std::string text);
/// After the last file: what is only known from all.
void complete(Model& model);

/// An agent and the job that starts it.
struct AgentAt {
  const Job& job;
  const Agent& agent;
};
[[nodiscard]] std::vector<AgentAt> agents_of(const Model& model);
/// A command of a job's scripts, or of a file's.
struct CommandAt {
  const Job& job;
  const Script& script;
  const Command& command;
};
[[nodiscard]] std::vector<CommandAt> commands_of(const Model& model);

}  // namespace berm::lint

// src/lint/job.h: a job of any CI system: what it runs, which agents it starts, and how. Pure.
#pragma once

#include <string>
#include <vector>

#include "lint/node.h"
#include "lint/script.h"

namespace berm::lint {

struct Workflow;
struct WorkflowJob;

enum class CiSystem : std::uint8_t { github, gitlab, circleci, azure, image_build, shell };

/// A word that was said, and where in the file.
struct Said {
  std::string text;
  Span span;
};

/// One start of an agent.
struct Agent {
  const Source* file = nullptr;    ///< a job's script may be another file's
  Span at;                         ///< the action's name, or the command
  std::string name;                ///< "claude", "anthropics/claude-code-action"
  bool action = false;             ///< an action, whose inputs its step has
  bool in_berm = false;            ///< berm holds what its flags let go
  const Script* script = nullptr;  ///< of a command
  const Command* command = nullptr;
  std::vector<Said> arguments;  ///< flags and their values, of the action's inputs too
  std::vector<Said> tools;      ///< that it may use without a question
};

/// A variable that a job's programs see.
struct Variable {
  const Node* key = nullptr;
  const Node* value = nullptr;
  bool global = false;  ///< set for more jobs than this one
};

struct Job {
  CiSystem system = CiSystem::github;
  const Source* file = nullptr;
  const Node* node = nullptr;  ///< its mapping; of a shell script, the scalar
  std::string id;
  Span at;  ///< of its name
  std::vector<const Script*> scripts;
  std::vector<Agent> agents;
  std::vector<Variable> variables;
  std::vector<const Node*> images;    ///< scalars: what it runs in, and beside
  std::vector<const Node*> services;  ///< those of `images` that run beside it
  const Node* time_limit = nullptr;
  const Node* strangers = nullptr;   ///< what starts it for a fork's merge request
  const Node* may_fail = nullptr;    ///< "its failure is no failure"
  const Node* kept_token = nullptr;  ///< the checkout's word that leaves the token on the disk
  bool in_container = false;
  const WorkflowJob* workflow_job = nullptr;  ///< of GitHub
  const Workflow* workflow = nullptr;
};

/// A part of a pipeline that somebody else keeps.
struct Include {
  const Source* file = nullptr;
  Span at;
  std::string what;   ///< "the project 'ci/templates'"
  std::string moves;  ///< why it may be another tomorrow; "" = it is pinned
};

/// The agents that a script starts.
[[nodiscard]] std::vector<Agent> agents_in(const Script& script);
/// Fills `tools` from the arguments: --allowedTools A,B C, --allow-tool X.
void find_tools(Agent& agent);
/// Adds the tools of a list in a scalar.
void add_tools(const Source& file, const Node* list, Agent& agent);

/// "job 'review'"
[[nodiscard]] std::string words_for(const Job& job);

}  // namespace berm::lint

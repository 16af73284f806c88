// src/lint/workflow.h: workflows of GitHub Actions: who starts them, what they may do, what runs.
// Composite actions are workflows of one job that nobody starts but their callers. Pure.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lint/expression.h"
#include "lint/finding.h"
#include "lint/job.h"
#include "lint/node.h"

namespace berm::lint {

/// What a coding agent's step is; `called`: a composite action of the repository that has one.
enum class AgentUse : std::uint8_t { none, action, command, called };

struct WorkflowStep {
  const Node* node = nullptr;
  const Node* uses = nullptr;  ///< "owner/repo@ref", else nullptr
  const Node* run = nullptr;   ///< a script, else nullptr
  std::string id;
  std::string action;  ///< "owner/repo/path", in lower case; "" = none
  std::string ref;     ///< behind "@"
  AgentUse agent = AgentUse::none;
  std::optional<Script> script;      ///< of `run`, if it was worth reading
  std::vector<Agent> agents;         ///< that it starts itself
  const Workflow* called = nullptr;  ///< the composite action, if it is in the repository

  /// What one points to: its action, else the key of its script.
  [[nodiscard]] Span at() const;
};

struct WorkflowJob {
  const Node* node = nullptr;
  const Node* key = nullptr;  ///< its id
  std::string id;
  const Node* permissions = nullptr;  ///< its own, else the workflow's; nullptr: nobody says
  std::vector<std::string> needs;
  std::vector<WorkflowStep> steps;
  bool agent = false;
};

/// An event that starts it; of a called workflow, its caller's.
struct Trigger {
  std::string event;
  Location at;
};

struct Workflow {
  const Source* file = nullptr;
  const Node* root = nullptr;
  bool composite = false;
  std::vector<Trigger> triggers;
  std::vector<WorkflowJob> jobs;
  /// Inputs into which a caller puts strangers' text: "inputs.title" and where he does.
  std::map<std::string, Location> tainted;
  bool called = false;  ///< by one of the files that were read

  [[nodiscard]] const Trigger* trigger(std::string_view event) const;
  /// The first by which anybody with an account can start it with the repository's own token and
  /// secrets; nullptr: none.
  [[nodiscard]] const Trigger* untrusted_trigger() const;
  [[nodiscard]] const WorkflowJob* job(std::string_view id) const;
};

[[nodiscard]] std::optional<Workflow> read_workflow(const Source& file, const Node* document);
/// "runs: {using: composite}"; nullopt for all other actions.
[[nodiscard]] std::optional<Workflow> read_composite(const Source& file, const Node* document);
/// What its steps start. Once it is where it stays: what starts an agent points into its script.
void find_agents(Workflow& workflow);
/// Joins callers and called, over all that were read.
void join_calls(std::deque<Workflow>& workflows);
/// Reads the scripts of jobs that have an agent, or that strangers start.
void read_scripts(Workflow& workflow);
/// The job as one of any system.
[[nodiscard]] Job neutral(const Workflow& workflow, const WorkflowJob& job);

/// Texts of a step that may hold expressions: run, with.*, env.*, name's own left out.
struct StepText {
  std::string where;  ///< "run", "with.prompt", "env.TITLE"
  const Node* node = nullptr;
};
[[nodiscard]] std::vector<StepText> texts_of(const WorkflowStep& step);

/// A stranger's text that a part of a workflow refers to.
struct StrangersText {
  std::string path;  ///< "github.event.issue.title"
  Span span;         ///< of the expression with its braces, in the text
};
/// Of an expression in a text of this step; what no event of the workflow can carry, or what its
/// gate has looked at, is left out.
[[nodiscard]] std::vector<StrangersText> strangers_in(const Workflow& workflow,
                                                      const WorkflowJob& job,
                                                      const WorkflowStep& step,
                                                      std::string_view text);

/// True if the words of a condition look at who acts: association, actor, sender, a label.
[[nodiscard]] bool gates_actor(std::string_view condition);
/// By its own condition, the step's, or a job's that it needs.
[[nodiscard]] bool is_gated(const Workflow& workflow, const WorkflowJob& job,
                            const WorkflowStep* step);
/// What a permission of the token is: "write", "read", "none"; "" = not said.
[[nodiscard]] std::string permission_of(const Node* permissions, std::string_view scope);

/// The names of secrets in an expression's text: "NPM_TOKEN" of secrets.NPM_TOKEN.
[[nodiscard]] std::vector<std::string> secrets_in(std::string_view text);

/// The checkout of what a pull request brings, if the step is one.
struct HeadCheckout {
  const Node* node = nullptr;
  Span at;
};
[[nodiscard]] std::optional<HeadCheckout> head_checkout(const WorkflowStep& step);

}  // namespace berm::lint

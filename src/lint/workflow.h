// src/lint/workflow.h: workflows of GitHub Actions: who starts them, what they may do, what runs.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lint/expression.h"
#include "lint/node.h"

namespace berm::lint {

/// What a coding agent's step is.
enum class AgentUse : std::uint8_t { none, action, command };

struct WorkflowStep {
  const Node* node = nullptr;
  const Node* uses = nullptr;  ///< "owner/repo@ref", else nullptr
  const Node* run = nullptr;   ///< a script, else nullptr
  std::string action;          ///< "owner/repo/path", in lower case; "" = none
  std::string ref;             ///< behind "@"
  AgentUse agent = AgentUse::none;
};

struct WorkflowJob {
  const Node* node = nullptr;
  const Node* key = nullptr;  ///< its id
  std::string id;
  const Node* permissions = nullptr;  ///< its own, else the workflow's; nullptr: nobody says
  std::vector<WorkflowStep> steps;
  bool agent = false;
};

struct Workflow {
  const Source* file = nullptr;
  const Node* root = nullptr;
  std::map<std::string, const Node*> triggers;  ///< by event; the node to point to
  std::vector<WorkflowJob> jobs;

  /// The first trigger by which anybody with an account can start it with the repository's own
  /// token and secrets; nullptr: none.
  [[nodiscard]] const Node* untrusted_trigger(std::string* event = nullptr) const;
};

[[nodiscard]] std::optional<Workflow> read_workflow(const Source& file, const Node* document);

/// Texts of a step that may hold expressions: run, with.*, env.*, name's own left out.
struct StepText {
  std::string where;  ///< "run", "with.prompt", "env.TITLE"
  const Node* node = nullptr;
};
[[nodiscard]] std::vector<StepText> texts_of(const WorkflowStep& step);

/// True if the words of a condition look at who acts: association, actor, sender, a label, an
/// environment's approval.
[[nodiscard]] bool gates_actor(std::string_view condition);
/// What a permission of the token is: "write", "read", "none"; "" = not said.
[[nodiscard]] std::string permission_of(const Node* permissions, std::string_view scope);

}  // namespace berm::lint

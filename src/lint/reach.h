// src/lint/reach.h: what an agent of a workflow can be made to do: who is let in, what it holds,
// what its hands are. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lint/model.h"

namespace berm::lint {

/// A secret that a step's programs see, and that is neither the model's key nor the job's token.
struct HeldSecret {
  std::string name;      ///< "NPM_TOKEN"
  std::string variable;  ///< that holds it; "" = an input
  Span at;
  bool wide = false;  ///< by the job's or the workflow's env
};
[[nodiscard]] std::vector<HeldSecret> secrets_held(const StepAt& at);
/// The same of one step's own env and inputs.
[[nodiscard]] std::vector<HeldSecret> own_secrets(const WorkflowStep& step);

/// A permission of the token that changes what others run: code, packages, deployments, alerts.
struct WritePermission {
  std::string scope;
  Span at;
};
[[nodiscard]] std::vector<WritePermission> write_permissions(const WorkflowJob& job);

/// Where the agent's step says that everybody is let in; nullptr: nowhere.
[[nodiscard]] const Node* opened_by(const WorkflowStep& step);
/// The trigger by which a stranger sets this agent to work, past every gate; nullptr: none.
[[nodiscard]] const Trigger* open_to_strangers(const StepAt& at);

/// What lets an agent run commands, or ask for any address.
struct Hand {
  Span at;
  std::string what;  ///< "may run any command: Bash"
};
[[nodiscard]] std::optional<Hand> hand_of(const StepAt& at);

/// Texts that an agent is told: its action's prompt, its command's words.
[[nodiscard]] std::vector<StepText> prompts_of(const WorkflowStep& step);
/// True for an input of an agent's action that is words to it.
[[nodiscard]] bool is_prompt(const StepText& text);

}  // namespace berm::lint

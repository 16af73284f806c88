// src/session/tool_answers.h: what the user said at the terminal, kept for the next run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "plan/facts.h"

namespace berm {

/// The rule that allows exactly this tool call; "" if no pattern says just that.
[[nodiscard]] std::string exact_pattern(const nlohmann::json& question);

/// Writes what the user allowed for good into berm.toml of the repository. It counts once it is
/// committed: the policy is read from there.
class PolicyAnswers {
 public:
  /// @param state  berm's private state directory
  PolicyAnswers(const RepositoryFacts& repository, std::string state)
      : repository_(repository), state_(std::move(state)) {}

  /// Adds the rule, and says in `notes` what came of it. A berm.toml that is not what HEAD holds is
  /// left alone: whoever changed it (a run in direct mode, one whose changes were imported) would
  /// have his rules committed together with ours.
  void allow_for_good(const nlohmann::json& question, std::vector<std::string>& notes);

 private:
  [[nodiscard]] Result<void> append_rule(const std::string& pattern);

  const RepositoryFacts& repository_;
  std::string state_;
  std::string ours_;  ///< berm.toml as we left it; "": not touched
};

}  // namespace berm

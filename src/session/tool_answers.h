// src/session/tool_answers.h: what the user said at the terminal, kept for the next run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace berm {

/// The rule that allows exactly this tool call; "" if no pattern says just that.
[[nodiscard]] std::string exact_pattern(const nlohmann::json& question);

/// Adds that rule to berm.toml of the repository, and says so in `notes`. It counts once it is
/// committed: the policy is read from there.
void allow_for_good(const std::string& repository, const nlohmann::json& question,
                    std::vector<std::string>& notes);

}  // namespace berm

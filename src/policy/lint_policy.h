// src/policy/lint_policy.h: what the policy file says of berm lint; runs do not ask it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/glob.h"

namespace berm {

/// Findings of a rule that somebody has looked at, for the files of these paths.
struct LintAllowance {
  std::string rule;
  std::vector<Glob> paths;  ///< from where berm lint is started; empty: everywhere
  std::string reason;       ///< never empty
  bool operator==(const LintAllowance&) const = default;
};

struct LintLayer {
  std::optional<std::string> persona;   ///< regular, pedantic, auditor
  std::optional<std::string> fail_on;   ///< low, medium, high, critical, never
  std::optional<std::string> baseline;  ///< a file
  std::optional<std::vector<Glob>> exclude;
  std::vector<LintAllowance> allow;
  bool operator==(const LintLayer&) const = default;
};

}  // namespace berm

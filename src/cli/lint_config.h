// src/cli/lint_config.h: the [lint] of a policy file, for berm lint.
#pragma once

#include <string>

#include "base/result.h"
#include "policy/lint_policy.h"

namespace berm {

/// @param file  as --config names it; "" = berm.toml of the current directory, if there is one
/// @return an empty layer if there is none; Errc::invalid_policy for a file that cannot be read as
/// a
///         policy, or that allows a rule which does not exist
[[nodiscard]] Result<LintLayer> read_lint_config(const std::string& file);

}  // namespace berm

// src/lint/check.h: all rules over all files. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lint/model.h"
#include "lint/rule.h"
#include "policy/lint_policy.h"

namespace berm::lint {

struct CheckOptions {
  Persona persona = Persona::regular;  ///< and what is for those before it
  std::set<std::string> baseline;      ///< fingerprints of findings that are known
  std::vector<LintAllowance> allow;    ///< of the policy file
};

struct CheckResult {
  std::vector<Finding> findings;          ///< by file and place
  std::vector<std::string> fingerprints;  ///< of each
  std::size_t suppressed = 0;             ///< by a comment, or the policy file, with a reason
  std::vector<std::size_t> unused;        ///< of CheckOptions::allow: what allows nothing
  std::size_t known = 0;                  ///< by the baseline
};
[[nodiscard]] CheckResult check(const Model& model, const CheckOptions& options);

/// The text with the fixes in it that do not overlap; the first of two that do is taken.
/// @param unsafe  also those that a person should look at
/// @param applied  how many were
[[nodiscard]] std::string fixed(const Source& file, const std::vector<Finding>& findings,
                                bool unsafe, std::size_t& applied);

}  // namespace berm::lint

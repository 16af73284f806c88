// src/lint/print.h: findings for people and for machines. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lint/check.h"

namespace berm::lint {

/// Source line, caret, the path that leads there, and the fix.
[[nodiscard]] std::string to_text(const CheckResult& result, bool color);
/// {"schema": "berm.lint/1", "findings": […], …}
[[nodiscard]] nlohmann::json to_json(const CheckResult& result);
/// SARIF 2.1.0, as GitHub code scanning reads it.
[[nodiscard]] nlohmann::json to_sarif(const CheckResult& result, const std::string& version);
/// Workflow commands of GitHub Actions, a finding a line.
[[nodiscard]] std::string to_github(const CheckResult& result);
/// A rule's section of docs/lint-rules.md.
[[nodiscard]] std::string explain(const Rule& rule);

}  // namespace berm::lint

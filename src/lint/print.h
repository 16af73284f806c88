// src/lint/print.h: findings for people and for machines. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lint/check.h"

namespace berm::lint {

/// Source line, caret, the path that leads there, and the fix.
/// @param links  a directory: places are links to their files in it, for terminals that know OSC 8
[[nodiscard]] std::string to_text(const CheckResult& result, bool color,
                                  const std::string& links = "");
/// {"schema": "berm.lint/1", "findings": […], …}
[[nodiscard]] nlohmann::json to_json(const CheckResult& result);
/// SARIF 2.1.0, as GitHub code scanning reads it.
[[nodiscard]] nlohmann::json to_sarif(const CheckResult& result, const std::string& version);
/// Workflow commands of GitHub Actions, a finding a line.
[[nodiscard]] std::string to_github(const CheckResult& result);
/// GitLab's SAST report, schema 15. When it was made is the caller's to say: RFC 3339 without a
/// zone.
struct ScanTime {
  std::string start;
  std::string end;
};
[[nodiscard]] nlohmann::json to_gitlab_sast(const CheckResult& result, const std::string& version,
                                            const ScanTime& time);
/// GitLab's code quality report (Code Climate's issues).
[[nodiscard]] nlohmann::json to_code_quality(const CheckResult& result);
/// JUnit XML: a suite a file, a failed case a finding.
[[nodiscard]] std::string to_junit(const CheckResult& result);
[[nodiscard]] std::string to_checkstyle(const CheckResult& result);
/// A table, for a job's summary or a comment; what files hold cannot be markup in it.
[[nodiscard]] std::string to_markdown(const CheckResult& result);
/// "3 findings (1 critical, 2 low)"
[[nodiscard]] std::string tally(const CheckResult& result);
/// A rule's section of docs/lint-rules.md.
[[nodiscard]] std::string explain(const Rule& rule);

}  // namespace berm::lint

// src/report/ci_text.h: what CI systems read: GitHub's workflow commands and output file, GitLab's
// code quality report and log sections.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "report/facts.h"

namespace berm::report {

/// "::error title=…::…" lines, the worst first; GitHub shows ten of a kind and step.
[[nodiscard]] std::string github_annotations(const RunFacts& facts);

/// One line "::name key=value,…::text"; %, CR, LF everywhere and ':' ',' in values are escaped.
[[nodiscard]] std::string workflow_command(
    std::string_view name, const std::vector<std::pair<std::string, std::string>>& properties,
    std::string_view text);

/// Lines for $GITHUB_OUTPUT: verdict, exit-code, run, record.
/// @param delimiter  that nobody inside could know
[[nodiscard]] std::string github_outputs(const RunFacts& facts, std::string_view record,
                                         std::string_view delimiter);

/// GitLab's code quality report (Code Climate's issues).
[[nodiscard]] nlohmann::json code_quality(const RunFacts& facts);

/// The markers of a collapsed section of a GitLab log. `seconds` since the epoch.
[[nodiscard]] std::string gitlab_section_start(std::int64_t seconds, std::string_view name,
                                               std::string_view title);
[[nodiscard]] std::string gitlab_section_end(std::int64_t seconds, std::string_view name);

}  // namespace berm::report

// src/drill/agent/drill.h: one scenario with the user's own client under berm, and what it proved.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drill/scenarios/scenario.h"

namespace berm::drill {

enum class Verdict : std::uint8_t { contained, escaped, inconclusive };
[[nodiscard]] std::string_view name_of(Verdict verdict);

/// What the run left behind, as facts: everything that judge() looks at.
struct Evidence {
  int exit_code = 0;      ///< of `berm run`
  nlohmann::json report;  ///< berm.run/1; null if there is none
  std::vector<nlohmann::json> record;
  std::vector<nlohmann::json> heard;  ///< by the scripted model and the canary listener
  std::vector<std::string> changed;   ///< paths of the repository on the host that differ
  bool marker_touched = false;        ///< the file outside, or the directory that it lies in
  std::string secret;                 ///< content of the host's canary files
  std::string key;                    ///< the "real" key of the model
};

struct Judged {
  Verdict verdict = Verdict::inconclusive;
  std::string what_happened;  ///< a sentence
  std::string held_by;        ///< "egress (net.denied, 2)", "" if nothing held
};
/// Pure.
[[nodiscard]] Judged judge(const Scenario& scenario, const Evidence& evidence);

struct ScenarioResult {
  Scenario scenario;
  Judged judged;
  std::string run;  ///< its id
  int exit_code = 0;
  double seconds = 0;
};

struct DrillWishes {
  std::string agent;  ///< "claude", "codex"
  std::string tier = "auto";
  std::vector<std::string> only;  ///< ids; empty = all that fit the agent
  bool ci_subset = false;
};
/// Runs them one after the other. @return an Error only if a scenario could not be set up.
[[nodiscard]] Result<std::vector<ScenarioResult>> drill_agent_scenarios(
    const DrillWishes& wishes, const std::function<void(const ScenarioResult&)>& progress);

/// 0 all contained · 1 any escaped · 3 any inconclusive and none escaped.
[[nodiscard]] int exit_code_of(const std::vector<ScenarioResult>& results);

[[nodiscard]] std::string line_of(const ScenarioResult& result);
[[nodiscard]] std::string score_of(const std::vector<ScenarioResult>& results);
[[nodiscard]] nlohmann::json to_json(const std::vector<ScenarioResult>& results);
[[nodiscard]] std::string to_junit(const std::vector<ScenarioResult>& results);
[[nodiscard]] std::string to_html(const std::vector<ScenarioResult>& results);

}  // namespace berm::drill

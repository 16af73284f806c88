// src/drill/host/drill.h: every hostile act in a sandbox on this host, each with its control and
// the layer that stopped it.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drill/acts/act.h"

namespace berm::drill {

enum class Outcome : std::uint8_t { contained, escaped, not_applicable };
[[nodiscard]] std::string_view name_of(Outcome outcome);

/// What stops an act in a tier.
struct Expected {
  std::string_view layer;
  int denied_with = 0;         ///< errno; 0 = judged by the aftermath
  std::string_view missing{};  ///< not stopped in this tier, and why; "" = it is
};
/// @param tier as `berm run --tier` spells it.
/// @param landlock_abi the kernel's, 0 = none (landlock_create_ruleset(2)).
[[nodiscard]] Expected expected_of(const Act& act, std::string_view tier, int landlock_abi);

/// Name of an act → the errno that it ended with; 0 = it worked.
using Errnos = std::map<std::string, int>;
/// Reads "drill NAME ERRNO" lines; every other line is somebody else's.
[[nodiscard]] Errnos errnos_in(std::string_view text);

/// Everything that judge_act() looks at.
struct Observed {
  std::string tier;
  int landlock_abi = 0;
  Errnos inside;
  Errnos control;                         ///< of both kinds of controls
  std::vector<std::string> left_inside;   ///< acts whose effect is on the host after the run
  std::vector<std::string> refused;       ///< paths that the guard refused
  std::vector<std::string> left_control;  ///< the same after the control
};

struct ActResult {
  std::string group;
  std::string name;
  Outcome outcome = Outcome::not_applicable;
  int inside = -1;           ///< errno; -1 = not tried
  int control = -1;          ///< errno; -1 = not tried
  bool as_expected = false;  ///< denied by the layer that this tier has for it
  std::string held_by;       ///< "filesystem (EROFS)"; "" if nothing held
  std::string why;           ///< why it is not applicable, or what the escape left
};
/// Pure.
[[nodiscard]] ActResult judge_act(std::string_view group, const Act& act, const Observed& observed);

struct HostDrillWishes {
  std::string tier = "auto";
  std::string policy;                    ///< "" = berm's defaults
  std::vector<std::string> groups;       ///< empty = all
  std::vector<std::string> run_options;  ///< further options of `berm run`
};
struct ScoreCard {
  std::string tier;  ///< the one that the run took
  std::string run;
  std::vector<ActResult> acts;
};
/// @param progress is told each step.
/// @return an Error if the sandbox could not be had: nothing was tried.
[[nodiscard]] Result<ScoreCard> drill_host(const HostDrillWishes& wishes,
                                           const std::function<void(std::string_view)>& progress);

/// 0 nothing escaped · 1 something did.
[[nodiscard]] int exit_code_of(const ScoreCard& card);

[[nodiscard]] std::string to_text(const ScoreCard& card, bool color, bool all);
[[nodiscard]] nlohmann::json to_json(const ScoreCard& card);
[[nodiscard]] std::string to_junit(const ScoreCard& card);
[[nodiscard]] std::string to_html(const ScoreCard& card);

}  // namespace berm::drill

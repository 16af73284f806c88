// src/session/run_session.h: the whole flow: policy + facts → plan → run → outcome → verdict.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "record/asked_for.h"
#include "record/verdict.h"
#include "rules/changes/changes.h"
#include "session/prepare_run.h"
#include "supervise/supervisor.h"
#include "workspace/walk.h"

namespace berm {

struct RunReport {
  std::string id;
  std::string path;
  TierChoice tier = TierChoice::automatic;  ///< the one that was taken
  Verdict verdict;
  Outcome outcome;
  Usage usage;
  Changes changes;
  std::vector<Finding> findings;
  std::vector<std::string> imported;  ///< "src/a.c", or references
  std::string import_note;
  std::vector<std::string> notes;
  std::vector<LayerReport> layers;
  std::vector<std::string> weaknesses;
  std::vector<AskedFor> asked_for;            ///< of the network, and not granted
  std::string proposal;                       ///< with --learn: a policy file that would grant it
  std::shared_ptr<const KnownSecrets> known;  ///< hidden in both forms of the report
};
/// Runs to the end. Only a failure before the record exists is an Error; everything later is told
/// in the report and in the record.
[[nodiscard]] Result<RunReport> run_session(const RunRequest& request);

struct AttachRequest {
  std::string run;                ///< id, part of it, or "latest"
  bool show_status = false;       ///< stderr is a terminal
  bool report_on_stdout = false;  ///< --json
};
/// Takes a run up whose agent is a pod and whose caller died, and runs it to its end, from the
/// first byte that it printed.
/// @return an Error leaves the run as it is: it goes on, and can be attached to again.
[[nodiscard]] Result<RunReport> attach_session(const AttachRequest& request);

/// The report for machines: schema "berm.run/1".
[[nodiscard]] nlohmann::json to_json(const RunReport& report);
/// At most 15 lines for the end of a run.
[[nodiscard]] std::string summary(const RunReport& report, bool color);

/// What `berm diff`, `apply` and `discard` need of an old run.
[[nodiscard]] Result<WalkPlace> walk_place_of(const std::string& run_path,
                                              const nlohmann::json& run);
[[nodiscard]] GuardPolicy guard_policy_of(const nlohmann::json& run);
[[nodiscard]] std::vector<HostPath> object_dirs_of(const nlohmann::json& run);
/// What the guard says of the commits that would be imported.
[[nodiscard]] Result<std::vector<Finding>> judge_commits(const WalkPlace& place,
                                                         const Changes& changes,
                                                         const nlohmann::json& run,
                                                         const KnownSecrets* known = nullptr);
[[nodiscard]] std::string asked_for_text(const std::vector<AskedFor>& asked);  ///< three lines
[[nodiscard]] nlohmann::json asked_for_to_json(const std::vector<AskedFor>& asked);
[[nodiscard]] nlohmann::json outcome_to_json(const Outcome& outcome);
[[nodiscard]] nlohmann::json usage_to_json(const Usage& usage);
[[nodiscard]] nlohmann::json layers_to_json(const std::vector<LayerReport>& layers);
[[nodiscard]] nlohmann::json findings_to_json(const std::vector<Finding>& findings);
/// A path as text: what is no UTF-8 in it is escaped.
[[nodiscard]] std::string json_path(const std::string& path);
[[nodiscard]] nlohmann::json changes_to_json(const Changes& changes);

}  // namespace berm

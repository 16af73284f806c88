// src/session/prepare_run.h: policy + facts → plan, before anything is started.
#pragma once

#include "agents/agent.h"
#include "host/probe.h"
#include "plan/plan.h"
#include "session/policy_sources.h"
#include "session/run_directory.h"

namespace berm {

/// Set where berm itself is in the pod of a run, whose caller is elsewhere.
struct PodRun {
  std::string id;        ///< the caller's
  std::string socket;    ///< where the run's way out begins
  std::string result;    ///< file for what the agent changed
  bool bounded = false;  ///< ToolPolicy::bounded of the caller's policy
};

struct RunRequest {
  PolicyRequest policy;
  AgentRequest agent;
  std::string directory;          ///< where the user stands
  bool can_ask = false;           ///< somebody can answer at the terminal
  bool show_status = false;       ///< stderr is a terminal
  bool report_on_stdout = false;  ///< --json: the agent's own output goes to stderr
  std::optional<PodRun> pod = {};
};

/// Everything decided, nothing started. `berm plan` ends here.
struct PreparedRun {
  std::string state;
  RunDirectory run;
  RepositoryFacts repository;
  HostFacts host;
  CgroupPlaces cgroups;
  ResolvedPolicy policy;
  std::string agent_version;  ///< "" = not told
  Plan plan;
};
/// Whether a run directory is made: `berm plan` leaves nothing behind.
enum class Footprint { none, run_directory };
/// The program berm-init: beside berm, or in libexec of an installed package.
[[nodiscard]] Result<HostPath> find_init();

[[nodiscard]] Result<PreparedRun> prepare_run(const RunRequest& request, Footprint footprint);

}  // namespace berm

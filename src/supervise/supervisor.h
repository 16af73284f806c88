// src/supervise/supervisor.h: watches one run from clone to its end.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "audit/record_file.h"
#include "base/secret.h"
#include "plan/plan.h"
#include "record/verdict.h"
#include "rules/egress/access.h"
#include "rules/tools/decide.h"
#include "sys/cgroup.h"
#include "sys/child.h"

namespace berm {

/// What a run used.
struct Usage {
  Milliseconds wall{};
  Milliseconds cpu{};
  Bytes memory_peak;
  Bytes output;
  Bytes disk;
  std::uint64_t denied = 0;  ///< connections and requests that egress refused
  std::uint64_t connections = 0;
  std::uint64_t tool_calls = 0;  ///< that a hook asked about
  std::uint64_t tool_denied = 0;
  std::uint64_t model_tokens = 0;
  std::uint64_t model_requests = 0;
  std::uint64_t model_micro_usd = 0;  ///< by list prices; 0 if none is known
};

struct Supervision {
  Outcome outcome;
  Usage usage;
  bool disable_keys = false;  ///< an anomaly, and the policy wants its key to end with the run
};

/// The egress process of a run: it reads connections, we read its events.
struct EgressProcess {
  ChildProcess process;
  UniqueFd events;                           ///< JSON lines; end of file = it is gone
  UniqueFd control;                          ///< see egress/serve.h
  std::shared_ptr<const Secret> token = {};  ///< begins each connection (process tier)
};

/// The process that judges what hooks ask: it reads hostile bytes, we read its events.
struct JudgeProcess {
  ChildProcess process;
  UniqueFd control;  ///< frames: a question to us, our answer to it
};

class SinkWatch;

struct SuperviseOptions {
  CgroupParents cgroups;
  EgressProcess* egress = nullptr;  ///< running, not serving yet; null = the run has none
  /// Called when the run's listeners exist. Without `routed`, the name pool's route could not be
  /// added inside.
  std::function<Result<void>(std::vector<UniqueFd> listeners, bool routed)> hand_over;
  JudgeProcess* judge = nullptr;  ///< null = no hook asks
  /// Called when the socket of the hooks exists.
  std::function<Result<void>(UniqueFd tool_socket)> hand_over_tools;
  /// Called once while berm-init builds the sandbox, before anything of the agent runs. An Error
  /// ends the set-up.
  std::function<Result<void>()> while_building;
  const KnownSecrets* known = nullptr;  ///< hidden in what the agent prints; outlives the run
  std::function<int()> broker_fd;       ///< when it is readable, on_broker is called; -1: not now
  /// A secret was renewed, or the keeper of secrets is gone (an error: the run ends).
  std::function<Result<void>()> on_broker;
  /// The user allowed a question of this rule.
  std::function<void(const std::string& rule)> on_consent;
  /// The user's answer about a host that nothing grants.
  std::function<void(const std::string& host, std::uint16_t port, HostAnswer answer)> answer_host;
  /// Asked for every program that is started inside, in a thread of its own: EPERM if it denies (or
  /// would ask). Empty = all may start. Must return within microseconds: a process waits.
  std::function<ToolDecision(const ExecCall&)> on_exec;
  SinkWatch* sinks = nullptr;  ///< hears what ships the record; null = it stays here
  bool can_ask = false;        ///< somebody sits at the terminal: "ask" asks
  /// The user wants this tool call allowed for good.
  std::function<void(const nlohmann::json& question)> write_to_policy;
  bool show_status = false;  ///< a live line on stderr, which is a terminal
  int stdout_fd = 1;         ///< where the agent's stdout goes: 2 when stdout carries a report
};

/// Starts the sandbox for `plan`, carries streams and signals, enforces what the supervisor
/// enforces (time, idle, output, disk, and memory and processes where no cgroup holds them), and
/// returns when every process of the run is dead. Set-up failures are an Outcome, not an Error,
/// because they belong to the story of the run.
[[nodiscard]] Result<Supervision> supervise(const Plan& plan, RecordFile& record,
                                            const SuperviseOptions& options);

}  // namespace berm

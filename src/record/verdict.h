// src/record/verdict.h: how a run ended, judged. Pure: the same outcome gives the same verdict.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace berm {

/// How the agent ended. One variant, so "which errno goes with which status" cannot be asked
/// wrongly.
struct Exited {
  int code = 0;  ///< 0..255
};
struct Killed {
  int signal = 0;  ///< of its own: berm did not send it
};
struct LimitHit {
  std::string
      limit;  ///< "memory", "processes", "disk", "output", "time", "idle", "tokens", "cost" …
  std::string culprit;  ///< "node (pid 17)"; "" if nobody can be named
};
struct Interrupted {
  int signal = 0;  ///< the user's SIGINT, SIGTERM or SIGHUP
};
struct BoundaryLost {
  std::string what;  ///< a process of berm's own died: egress, PID 1
};
struct PolicyViolated {
  std::string what;  ///< what happened that the policy does not let pass
};
struct RecordLost {
  std::string what;  ///< why the record no longer leaves the machine, where the policy demands it
};
struct SetupFailed {
  Error error;           ///< the agent never ran
  bool at_exec = false;  ///< all layers stood; the command itself could not be executed
};
using Outcome = std::variant<Exited, Killed, LimitHit, Interrupted, BoundaryLost, PolicyViolated,
                             RecordLost, SetupFailed>;

/// What the guard said, as far as the verdict needs it.
struct GuardSummary {
  bool judged = false;  ///< the guard ran to its end
  std::size_t changes = 0;
  std::vector<std::string> refusals;  ///< one sentence each
};

enum class VerdictStatus {
  success,
  agent_failed,
  guard_refused,
  limit_hit,
  violation,
  record_failed,
  time_limit,
  setup_failed
};
[[nodiscard]] std::string_view name_of(VerdictStatus status);

struct Verdict {
  VerdictStatus status = VerdictStatus::setup_failed;
  int exit_code = 125;
  std::vector<std::string> reasons;
};

/// Exit codes (documented, stable): the agent's own 0–119 (higher ones become 119), 120 guard, 121
/// limit, 122 violation, 123 record, 124 time, 125 set-up, 126/127 not executable / not found.
[[nodiscard]] Verdict judge(const Outcome& outcome, const GuardSummary& guard, bool record_written);

}  // namespace berm

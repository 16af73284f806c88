#include "record/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace berm {
namespace {

struct JudgeOutcome {
  Verdict operator()(const Exited& exited) const {
    if (exited.code == 0) return {VerdictStatus::success, 0, {}};
    return {VerdictStatus::agent_failed,
            std::min(exited.code, 119),
            {fmt::format("the agent exited with code {}", exited.code)}};
  }
  Verdict operator()(const Killed& killed) const {
    const char* name = ::sigabbrev_np(killed.signal);
    return {VerdictStatus::agent_failed,
            119,
            {fmt::format("the agent was killed by SIG{}", name != nullptr ? name : "?")}};
  }
  Verdict operator()(const LimitHit& hit) const {
    const bool time = hit.limit == "time" || hit.limit == "idle";
    std::string reason = fmt::format("limit '{}' was hit", hit.limit);
    if (!hit.culprit.empty()) reason += fmt::format(" by {}", hit.culprit);
    return {
        time ? VerdictStatus::time_limit : VerdictStatus::limit_hit, time ? 124 : 121, {reason}};
  }
  Verdict operator()(const Interrupted& interrupted) const {
    const char* name = ::sigabbrev_np(interrupted.signal);
    return {VerdictStatus::agent_failed,
            119,
            {fmt::format("stopped by SIG{}", name != nullptr ? name : "?")}};
  }
  Verdict operator()(const BoundaryLost& lost) const {
    return {VerdictStatus::violation, 122, {lost.what}};
  }
  Verdict operator()(const PolicyViolated& violated) const {
    return {VerdictStatus::violation, 122, {violated.what}};
  }
  Verdict operator()(const RecordLost& lost) const {
    return {VerdictStatus::record_failed, 123, {lost.what}};
  }
  Verdict operator()(const SetupFailed& failed) const {
    const int code = !failed.at_exec ? 125 : failed.error.os_errno == ENOENT ? 127 : 126;
    return {VerdictStatus::setup_failed, code, {sentence(failed.error)}};
  }
};

}  // namespace

std::string_view name_of(VerdictStatus status) {
  switch (status) {
    case VerdictStatus::success:
      return "success";
    case VerdictStatus::agent_failed:
      return "agent_failed";
    case VerdictStatus::guard_refused:
      return "guard_refused";
    case VerdictStatus::limit_hit:
      return "limit_hit";
    case VerdictStatus::violation:
      return "violation";
    case VerdictStatus::record_failed:
      return "record_failed";
    case VerdictStatus::time_limit:
      return "time_limit";
    case VerdictStatus::setup_failed:
      break;
  }
  return "setup_failed";
}

Verdict judge(const Outcome& outcome, const GuardSummary& guard, bool record_written) {
  Verdict verdict = std::visit(JudgeOutcome{}, outcome);
  if (!record_written) {
    verdict.status = VerdictStatus::record_failed;
    verdict.exit_code = 123;
    verdict.reasons.emplace_back("the record could not be written");
    return verdict;
  }
  if (verdict.status == VerdictStatus::setup_failed) return verdict;
  // A refusal says more than the agent's own failure, but a limit explains why changes are half
  // done.
  const bool agent_spoke =
      verdict.status == VerdictStatus::success || verdict.status == VerdictStatus::agent_failed;
  if (!guard.judged) {
    verdict.reasons.emplace_back("the guard could not judge the changes");
    if (agent_spoke) verdict = {VerdictStatus::guard_refused, 120, verdict.reasons};
  } else if (!guard.refusals.empty()) {
    verdict.reasons.insert(verdict.reasons.end(), guard.refusals.begin(), guard.refusals.end());
    if (agent_spoke) verdict = {VerdictStatus::guard_refused, 120, verdict.reasons};
  }
  return verdict;
}

}  // namespace berm

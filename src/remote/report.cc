#include "remote/report.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "pod/line.h"

namespace berm {
namespace {

using nlohmann::json;
using pod::number_in;

json member(const json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : json::object();
}

std::string words(const json& object, const char* key) {
  return printable(pod::text_in(object, key).substr(0, 1000));
}

int small(const json& object, const char* key) {
  return static_cast<int>(std::min<std::uint64_t>(number_in(object, key), 255));
}

}  // namespace

std::optional<Outcome> reported_outcome(const json& report) {
  const json told = member(report, "outcome");
  const std::string kind = pod::text_in(told, "kind");
  if (kind == "exited") return Exited{small(told, "code")};
  if (kind == "killed") return Killed{small(told, "signal")};
  if (kind == "limit") return LimitHit{words(told, "limit"), words(told, "culprit")};
  if (kind == "interrupted") return Interrupted{small(told, "signal")};
  if (kind == "boundary_lost") return BoundaryLost{words(told, "what")};
  if (kind == "policy_violated") return PolicyViolated{words(told, "what")};
  if (kind == "record_lost") return BoundaryLost{"the pod's record: " + words(told, "what")};
  if (kind != "setup_failed") return std::nullopt;
  return SetupFailed{.error = {.code = Errc::unsupported,
                               .what = words(told, "what") + " (in the agent's pod)",
                               .os_errno = small(told, "errno"),
                               .fix = words(told, "fix")},
                     .at_exec = told.contains("at_exec") && told["at_exec"] == true};
}

Usage reported_usage(const json& report) {
  const json told = member(report, "usage");
  const json model = member(told, "model");
  const json tools = member(told, "tools");
  const auto time = [&](const char* key) {
    return Milliseconds(static_cast<std::int64_t>(number_in(told, key) & 0xffffffffffff));
  };
  return {.wall = time("wall_ms"),
          .cpu = time("cpu_ms"),
          .memory_peak = {number_in(told, "memory_peak")},
          .output = {number_in(told, "output")},
          .disk = {number_in(told, "disk")},
          .denied = number_in(told, "denied"),
          .connections = number_in(told, "connections"),
          .tool_calls = number_in(tools, "calls"),
          .tool_denied = number_in(tools, "denied"),
          .model_tokens = number_in(model, "tokens"),
          .model_requests = number_in(model, "requests"),
          .model_micro_usd = number_in(model, "micro_usd")};
}

std::string shutdown_time(const Plan& plan) {
  constexpr std::int64_t kLonger = 3600;
  const std::time_t at =
      std::time(nullptr) + static_cast<std::time_t>(plan.limits.time.count() / 1000 + kLonger);
  std::tm utc{};
  ::gmtime_r(&at, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

}  // namespace berm

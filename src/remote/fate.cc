#include "remote/fate.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

json member(const json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : json();
}
std::string text(const json& value) {
  return value.is_string() ? printable(value.get<std::string>().substr(0, 1000)) : std::string();
}
json list(const json& object, const char* key) {
  json out = member(object, key);
  return out.is_array() ? out : json::array();
}

// By the kubelet (pkg/kubelet/images/types.go, kuberuntime): none of these is mended by waiting.
bool is_hopeless(const std::string& reason) {
  static constexpr std::string_view kHopeless[] = {
      "ImagePullBackOff",     "InvalidImageName",    "ErrImageNeverPull",
      "ImageInspectError",    "RegistryUnavailable", "CreateContainerConfigError",
      "CreateContainerError", "RunContainerError",   "CrashLoopBackOff"};
  return std::ranges::find(kHopeless, reason) != std::end(kHopeless);
}

std::string with(const std::string& reason, const std::string& message) {
  return message.empty() ? reason : fmt::format("{}: {}", reason, message);
}

void look_at_container(const json& container, PodFate& out) {
  const json state = member(container, "state");
  const json waiting = member(state, "waiting");
  const std::string reason = text(member(waiting, "reason"));
  if (!reason.empty() && reason != "PodInitializing" && reason != "ContainerCreating") {
    out.waits = with(reason, text(member(waiting, "message")));
    out.hopeless = out.hopeless || is_hopeless(reason);
  }
  const json ended = member(state, "terminated");
  const json code = member(ended, "exitCode");
  const bool failed = code.is_number_integer() && code != 0;
  if (ended.is_object() && (failed || out.reason.empty())) {
    out.reason = text(member(ended, "reason"));
    out.message = text(member(ended, "message"));
    if (failed) out.exit_code = code.get<int>();
  }
}

}  // namespace

PodFate fate_of(const json& pod, bool deleted) {
  PodFate out;
  if (!pod.is_object()) return out;
  const json status = member(pod, "status");
  const std::string phase = text(member(status, "phase"));
  out.name = text(member(member(pod, "metadata"), "name"));
  out.address = text(member(status, "podIP"));
  out.node = text(member(member(pod, "spec"), "nodeName"));
  for (const char* containers : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& one : list(status, containers)) look_at_container(one, out);
  }
  for (const json& one : list(status, "containerStatuses"))
    out.image = text(member(one, "imageID"));
  for (const json& one : list(status, "conditions")) {
    const bool unscheduled =
        text(member(one, "type")) == "PodScheduled" && text(member(one, "status")) == "False";
    if (unscheduled) out.waits = with(text(member(one, "reason")), text(member(one, "message")));
  }
  out.stage = phase == "Running"                          ? PodFate::Stage::running
              : phase == "Succeeded" || phase == "Failed" ? PodFate::Stage::ended
                                                          : PodFate::Stage::waiting;
  // The pod's own reason comes before its container's: an eviction kills that too.
  if (const std::string reason = text(member(status, "reason")); !reason.empty()) {
    out.reason = reason;
    out.message = text(member(status, "message"));
  }
  if (deleted) {
    if (out.stage != PodFate::Stage::ended) out.reason = "Deleted";
    out.stage = PodFate::Stage::ended;
  }
  return out;
}

Outcome outcome_of(const PodFate& agent, const std::string& last) {
  const std::string why =
      with(agent.reason.empty() ? "no reason given" : agent.reason, agent.message);
  if (agent.reason == "OOMKilled") return LimitHit{"memory", last};
  if (agent.reason == "DeadlineExceeded") return LimitHit{"time", ""};
  if (agent.reason == "Evicted") {
    const bool disk = agent.message.find("ephemeral") != std::string::npos ||
                      agent.message.find("emptyDir") != std::string::npos ||
                      agent.message.find("EmptyDir") != std::string::npos ||
                      agent.message.find("disk") != std::string::npos;
    return LimitHit{disk ? "disk" : "memory", why};
  }
  if (agent.stage == PodFate::Stage::absent) return BoundaryLost{"the agent's pod is gone"};
  return BoundaryLost{
      fmt::format("the agent's pod ended ({}, exit code {})", why, agent.exit_code)};
}

}  // namespace berm

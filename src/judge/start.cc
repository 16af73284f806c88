#include "judge/start.h"

#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "plan/tools.h"
#include "sys/frames.h"
#include "sys/self.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{10};
// A judge that does not take an answer is ill: the supervisor must not wait for it.
constexpr timeval kSlowest{2, 0};

}  // namespace

Result<JudgeProcess> start_judge(const Plan& plan) {
  SocketPair control = BERM_TRY(make_socket_pair());
  ChildProcess child =
      BERM_TRY(start_self({"judge", "--child"}, {}, control.theirs.get(), control.theirs.get()));
  JudgeProcess judge{.process = std::move(child), .control = std::move(control.ours)};
  ::setsockopt(judge.control.get(), SOL_SOCKET, SO_SNDTIMEO, &kSlowest, sizeof kSlowest);
  const json configuration = {
      {"policy", tool_policy_to_json(plan.tools.policy)},
      {"workspace", plan.workspace.at.str()},
      {"home", plan.tools.home},
      {"peer_uid", plan.identity.host_uid},
      {"brokered", plan.tier == TierChoice::process},
      {"uid", plan.identity.from_root ? plan.identity.host_uid : 0},
  };
  BERM_TRY(write_frame(judge.control.get(),
                       configuration.dump(-1, ' ', false, json::error_handler_t::replace)));
  return judge;
}

Result<void> hand_over(const JudgeProcess& judge, UniqueFd tool_socket) {
  const std::string text = BERM_TRY(
      in_context("starting the judge of tool calls", read_frame(judge.control.get(), kPatience)));
  const json ready = json::parse(text, nullptr, false);
  const bool ok = ready.is_object() && ready.contains("ok") && ready["ok"] == true;
  if (!ok) {
    const bool says = ready.is_object() && ready.contains("what") && ready["what"].is_string();
    return failure(Errc::unsupported, says ? ready["what"].get<std::string>()
                                           : std::string("start the judge of tool calls"));
  }
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(tool_socket));
  return send_descriptors(judge.control.get(), fds);
}

}  // namespace berm

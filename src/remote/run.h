// src/remote/run.h: a run whose agent is a pod of a cluster, from its objects to its outcome.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "net/link.h"
#include "supervise/supervisor.h"

namespace berm {

/// A run that goes on although its caller died.
struct RemoteAttach {
  LinkEnd link;                         ///< the caller's end of the dead one
  std::uint64_t passed_on = 0;          ///< events of the pods that are on the record
  std::chrono::milliseconds elapsed{};  ///< since the agent was started
};

struct RemoteRunOptions {
  std::string input;   ///< file: what travels there (workspace/tree_stream.h)
  std::string result;  ///< file: what came back; made where the agent ran to its end
  std::span<const std::shared_ptr<const Secret>> secrets;  ///< in the order of Plan::credentials
  const KnownSecrets* known = nullptr;                     ///< hidden in what the agent prints
  std::function<int()> broker_fd;                          ///< see SuperviseOptions
  using Renew = std::function<Result<void>(std::size_t credential, const Secret& value)>;
  std::function<Result<void>(const Renew& renew)> on_broker;
  SinkWatch* sinks = nullptr;
  /// Told our end of the link before anything is made: who has it, and the record's key, can
  /// attach.
  std::function<Result<void>(const LinkEnd& own)> on_link;
  RemoteAttach* attach = nullptr;  ///< nothing is made, sent or started; its link is taken
  bool show_status = false;
  int stdout_fd = 1;
};

struct RemoteEnd {
  Supervision supervision;
  std::string left;  ///< why objects of the run are left in the cluster; "" = none are
};

/// Makes the objects of the run, sends the workspace, hears the record and the agent's output while
/// it runs, fetches what it changed, and deletes the objects. What the pod says of itself goes on
/// the record as what it is.
/// With `attach`, what is not reached is left as it is, and an Error.
/// @param record  gets the events of both pods, chained and signed here
[[nodiscard]] Result<RemoteEnd> run_remotely(const Plan& plan, RecordFile& record,
                                             const RemoteRunOptions& options);

}  // namespace berm

// src/remote/run.h: a run whose agent is a pod of a cluster, from its objects to its outcome.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "supervise/supervisor.h"

namespace berm {

struct RemoteRunOptions {
  std::string input;   ///< file: what travels there (workspace/tree_stream.h)
  std::string result;  ///< file: what came back; made where the agent ran to its end
  std::span<const std::shared_ptr<const Secret>> secrets;  ///< in the order of Plan::credentials
  const KnownSecrets* known = nullptr;                     ///< hidden in what the agent prints
  std::function<int()> broker_fd;                          ///< see SuperviseOptions
  using Renew = std::function<Result<void>(std::size_t credential, const Secret& value)>;
  std::function<Result<void>(const Renew& renew)> on_broker;
  SinkWatch* sinks = nullptr;
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
/// @param record  gets the events of both pods, chained and signed here
[[nodiscard]] Result<RemoteEnd> run_remotely(const Plan& plan, RecordFile& record,
                                             const RemoteRunOptions& options);

}  // namespace berm

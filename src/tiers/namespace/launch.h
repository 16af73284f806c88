// src/tiers/namespace/launch.h: a plan becomes a running sandbox of Linux namespaces.
#pragma once

#include <functional>
#include <vector>

#include "init/wire.h"
#include "plan/plan.h"
#include "sys/cgroup.h"
#include "sys/child.h"
#include "tiers/namespace/native.h"

namespace berm {

/// The agent's ends of its standard streams.
struct ChildStreams {
  UniqueFd in;
  UniqueFd out;
  UniqueFd err;
};

/// A message of berm-init with the descriptors that came along.
struct InitMessage {
  wire::Message message{};
  std::vector<UniqueFd> fds;
};

/// A sandbox from clone to its end. Dropping it kills every process inside.
class Sandbox {
 public:
  /// Clones berm-init into new namespaces and into `cgroup`; it waits for release(). Nothing of the
  /// agent runs yet.
  /// @return Errc::unsupported when user namespaces are denied (with the fix);
  ///         Errc::kernel for every other failed call.
  [[nodiscard]] static Result<Sandbox> start(const Plan& plan, ChildStreams streams,
                                             const RunCgroup& cgroup);

  /// Lets berm-init go on: past await_id_maps it builds the sandbox, past await_workspace it starts
  /// the agent. Before the first: RunCgroup::attach().
  [[nodiscard]] Result<void> release(wire::Step step);

  /// Receives one message; nullopt at the end of the stream.
  [[nodiscard]] Result<std::optional<InitMessage>> receive();

  /// Sends the agent's process group a signal.
  void forward_signal(int signal);

  [[nodiscard]] pid_t pid() const { return init_.pid(); }
  [[nodiscard]] int pidfd() const { return init_.pidfd(); }
  [[nodiscard]] int control_fd() const { return control_.get(); }
  void kill() { init_.kill(); }
  [[nodiscard]] Result<ChildProcess::Ended> wait() { return init_.wait(); }

  /// The Error for a `failed` message: step, errno, cause, fix.
  [[nodiscard]] Error explain(const wire::Message& message) const;

 private:
  ChildProcess init_;
  UniqueFd control_;
  std::vector<NativeStep> steps_;
};

}  // namespace berm

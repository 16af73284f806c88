// src/tiers/tier.h: what every tier gives the supervisor: berm-init, wherever it runs, and its
// voice.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "init/wire.h"
#include "plan/plan.h"
#include "sys/cgroup.h"
#include "sys/child.h"

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

/// A sandbox from its making to its end. Dropping it kills every process inside.
class Sandbox {
 public:
  Sandbox() = default;
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  virtual ~Sandbox() = default;

  /// Lets berm-init go on: past await_id_maps it builds the sandbox, past await_workspace it starts
  /// the agent. Before the first: RunCgroup::attach().
  [[nodiscard]] Result<void> release(wire::Step step);

  /// Receives one message; nullopt at the end of the stream.
  [[nodiscard]] Result<std::optional<InitMessage>> receive();

  /// Sends the agent's process group a signal.
  void forward_signal(int signal);

  [[nodiscard]] int control_fd() const { return control_.get(); }

  /// berm-init, by the number that we see: the root of the run's processes.
  [[nodiscard]] virtual pid_t pid() const = 0;
  /// SIGKILL for everything inside; does not wait.
  virtual void kill() = 0;
  /// Waits until berm-init is gone, and everything with it.
  [[nodiscard]] virtual Result<ChildProcess::Ended> wait() = 0;
  /// What a failed step of berm-init means, and what to do about it.
  [[nodiscard]] virtual Error explain(const wire::Message& message) const = 0;

 protected:
  UniqueFd control_;  ///< SOCK_SEQPACKET to berm-init
};

/// Starts berm-init for `plan`, in the plan's tier; it waits for release(). Nothing of the agent
/// runs yet.
/// @return Errc::unsupported where the tier cannot be had here (with the fix); Errc::kernel for
///         every other failed call.
[[nodiscard]] Result<std::unique_ptr<Sandbox>> start_sandbox(const Plan& plan, ChildStreams streams,
                                                             const RunCgroup& cgroup);

}  // namespace berm

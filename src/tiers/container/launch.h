// src/tiers/container/launch.h: runs of a container engine, through its command line.
#pragma once

#include "tiers/namespace/native.h"
#include "tiers/tier.h"

namespace berm {

/// A container whose PID 1 is berm-init. Docker and Podman, rootful and rootless.
class ContainerSandbox : public Sandbox {
 public:
  /// Has the engine start the container; berm-init inside connects to us and waits for release().
  /// @return Errc::unsupported, with the engine's own words and the fix, where it starts none.
  [[nodiscard]] static Result<std::unique_ptr<Sandbox>> start(const Plan& plan,
                                                              ChildStreams streams,
                                                              const RunCgroup& cgroup);
  ~ContainerSandbox() override;

  [[nodiscard]] pid_t pid() const override { return pid_; }
  void kill() override;
  [[nodiscard]] Result<ChildProcess::Ended> wait() override;
  [[nodiscard]] Error explain(const wire::Message& message) const override;

 private:
  Result<void> accept_init(const Plan& plan, const UniqueFd& listener);
  void remove();

  pid_t pid_ = -1;
  UniqueFd init_;  ///< pidfd of berm-init
  ContainerPlan container_;
  std::string name_;  ///< of a container that is to be removed; "" = it is
  std::vector<NativeStep> steps_;
};

}  // namespace berm

// src/tiers/process/launch.h: a sandbox where no namespace can be had: Landlock, seccomp, and a
// keeper that ends every process of the run.
#pragma once

#include "tiers/namespace/native.h"
#include "tiers/tier.h"

namespace berm {

/// berm-init beside us, in the caller's own namespaces.
class ProcessSandbox : public Sandbox {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Sandbox>> start(const Plan& plan,
                                                              ChildStreams streams,
                                                              const RunCgroup& cgroup);

  ProcessSandbox() = default;
  ~ProcessSandbox() override;

  [[nodiscard]] pid_t pid() const override { return init_.pid(); }
  void kill() override;
  [[nodiscard]] Result<ChildProcess::Ended> wait() override;
  [[nodiscard]] Error explain(const wire::Message& message) const override;

 private:
  ChildProcess init_;
  UniqueFd keeper_;  ///< closed at its other end when nobody of the run is left
  std::vector<NativeStep> steps_;
};

}  // namespace berm

// src/tiers/namespace/launch.h: a plan becomes a running sandbox of Linux namespaces.
#pragma once

#include <vector>

#include "tiers/namespace/native.h"
#include "tiers/tier.h"

namespace berm {

/// berm-init as PID 1 of namespaces of its own. Its end is the end of every process in them.
class NamespaceSandbox : public Sandbox {
 public:
  /// Clones berm-init into new namespaces and into `cgroup`; it waits for release().
  /// @return Errc::unsupported when user namespaces are denied (with the fix);
  ///         Errc::kernel for every other failed call.
  [[nodiscard]] static Result<std::unique_ptr<Sandbox>> start(const Plan& plan,
                                                              ChildStreams streams,
                                                              const RunCgroup& cgroup);

  [[nodiscard]] pid_t pid() const override { return init_.pid(); }
  void kill() override { init_.kill(); }
  [[nodiscard]] Result<ChildProcess::Ended> wait() override { return init_.wait(); }
  [[nodiscard]] Error explain(const wire::Message& message) const override;

 private:
  ChildProcess init_;
  std::vector<NativeStep> steps_;
};

}  // namespace berm

#include "tiers/container/launch.h"
#include "tiers/microvm/launch.h"
#include "tiers/namespace/launch.h"
#include "tiers/process/launch.h"
#include "tiers/tier.h"

namespace berm {

Result<std::unique_ptr<Sandbox>> start_sandbox(const Plan& plan, ChildStreams streams,
                                               const RunCgroup& cgroup) {
  switch (plan.tier) {
    case TierChoice::namespaces:
      return NamespaceSandbox::start(plan, std::move(streams), cgroup);
    case TierChoice::process:
      return ProcessSandbox::start(plan, std::move(streams), cgroup);
    case TierChoice::container:
      return ContainerSandbox::start(plan, std::move(streams), cgroup);
    case TierChoice::microvm:
      return start_microvm(plan, std::move(streams), cgroup);
    default:
      break;
  }
  return failure(Errc::unsupported, "start a sandbox of this tier");
}

}  // namespace berm

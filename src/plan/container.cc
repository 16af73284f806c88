#include "plan/container.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "plan/network.h"

namespace berm {
namespace {

// The file descriptors of listeners and terminals cross a unix socket. These runtimes answer system
// calls in another kernel, which has none of ours to pass.
bool passes_descriptors(std::string_view runtime) {
  return runtime.find("runsc") == std::string_view::npos &&
         runtime.find("kata") == std::string_view::npos;
}

Result<EngineFacts> choose_engine(const Policy& policy, const HostFacts& host) {
  const ContainerEngine wanted = policy.container.engine;
  std::vector<EngineFacts> fitting;
  std::string reasons;
  for (const EngineFacts& engine : host.engines) {
    if (wanted != ContainerEngine::automatic && engine.kind != wanted) continue;
    if (engine.unusable.empty()) fitting.push_back(engine);
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", spelling(engine.kind),
                           engine.unusable);
  }
  // Who may talk to a rootful engine is root: an ordinary user's own engine comes first.
  // Not of std::ranges: clang 14 cannot read what libstdc++ 12 gives back.
  std::stable_partition(fitting.begin(), fitting.end(),
                        [&](const EngineFacts& e) { return host.uid == 0 || e.rootless; });
  if (!fitting.empty()) return fitting.front();
  return failure(Errc::unsupported,
                 fmt::format("use a container engine ({})",
                             reasons.empty() ? "neither docker nor podman is installed" : reasons),
                 "install and start docker or podman, make its image by 'berm image build', or use "
                 "--tier namespace");
}

Result<std::string> choose_runtime(const Policy& policy, const EngineFacts& engine) {
  const std::string& wanted = policy.container.runtime;
  const std::string& used = wanted.empty() ? engine.runtime : wanted;
  if (!passes_descriptors(used)) {
    return failure(
        Errc::unsupported,
        fmt::format("use the runtime {}: it cannot pass descriptors, which is how egress "
                    "and the terminal reach a run",
                    printable(used)),
        "use --runtime runc or crun, or --tier microvm for a kernel of its own");
  }
  if (!wanted.empty() && !engine.runtimes.empty() &&
      std::ranges::find(engine.runtimes, wanted) == engine.runtimes.end()) {
    return failure(Errc::unsupported,
                   fmt::format("use the runtime {}: {} has {}", printable(wanted),
                               spelling(engine.kind), fmt::join(engine.runtimes, ", ")),
                   "install it and make it known to the engine, or leave container.runtime out");
  }
  return wanted;
}

Result<void> check_holdable(const Plan& plan, const Policy& policy) {
  if (plan.workspace.mode == WorkspaceMode::worktree) {
    return failure(Errc::unsupported,
                   "use mode \"worktree\" in a container: no overlay can be mounted inside",
                   "use mode \"clone\", or --tier namespace");
  }
  if (plan.workspace.mode == WorkspaceMode::direct && plan.identity.from_root) {
    return failure(Errc::unsupported,
                   "use mode \"direct\" in a container of root: no engine maps the owner",
                   "use mode \"clone\", or run berm as the repository's owner");
  }
  for (const IpNetwork& network : plan.egress.routes) {
    if (network == routed_name_pool()) continue;
    return failure(Errc::unsupported,
                   "grant an address in a container: its routes cannot be changed from inside",
                   "grant the host's name instead, or use --tier namespace");
  }
  if (!policy.tools.programs_absent.empty() && !policy.container.image.empty()) {
    return failure(Errc::unsupported,
                   "hold tools.programs_absent in an image: what it holds is not known before",
                   "build the image without these programs");
  }
  return {};
}

}  // namespace

std::string skeleton_image(ContainerEngine engine) {
  return engine == ContainerEngine::podman ? "localhost/berm/base:" BERM_VERSION
                                           : "berm/base:" BERM_VERSION;
}

bool binds_system(const Plan& plan) {
  return !plan.container || plan.container->image == skeleton_image(plan.container->engine.kind);
}

Result<void> choose_container(Plan& plan, const Policy& policy, const HostFacts& host) {
  const EngineFacts engine = BERM_TRY(choose_engine(policy, host));
  const std::string runtime = BERM_TRY(choose_runtime(policy, engine));
  BERM_TRY(check_holdable(plan, policy));
  plan.tier = TierChoice::container;
  plan.container =
      ContainerPlan{.engine = engine,
                    .runtime = runtime,
                    .image = policy.container.image.empty() ? skeleton_image(engine.kind)
                                                            : policy.container.image};
  plan.identity.uid = plan.identity.host_uid;
  plan.identity.gid = plan.identity.host_gid;
  const Strength by = engine.limits ? Strength::kernel : Strength::supervised;
  plan.limits.cgroup = CgroupKind::none;  // of ours
  plan.limits.memory_by = plan.limits.processes_by = plan.limits.cpus_by = by;
  if (!engine.rootless && host.uid != 0) {
    plan.weaknesses.push_back(
        fmt::format("{} runs as root, and you may tell it what to do: whoever takes over berm "
                    "outside of the sandbox is root",
                    spelling(engine.kind)));
  }
  return {};
}

void settle_container_mounts(Plan& plan) {
  for (MountOp& op : plan.mounts) {
    if (auto* bind = std::get_if<Bind>(&op)) bind->idmapped = false;
  }
}

std::vector<LayerReport> container_layers(const Plan& plan) {
  const ContainerPlan& container = *plan.container;
  const bool landlock = plan.landlock.abi > 0;
  const std::string engine =
      fmt::format("{} {}{}", spelling(container.engine.kind), container.engine.version,
                  container.engine.rootless ? " rootless" : "");
  const std::string& runtime =
      container.runtime.empty() ? container.engine.runtime : container.runtime;
  const Strength resources = std::min(plan.limits.memory_by, plan.limits.processes_by);
  return {
      {Layer::filesystem, Strength::kernel,
       fmt::format("{}, {}: read-only root of image {}, {} workspace{}", engine, runtime,
                   container.image, spelling(plan.workspace.mode),
                   landlock ? fmt::format(", Landlock ABI {}", plan.landlock.abi)
                            : "; no Landlock on this kernel")},
      {Layer::network, Strength::kernel,
       !plan.egress.any() ? "engine's network none, loopback only"
                          : "engine's network none, loopback only; egress by name"},
      {Layer::processes, Strength::kernel,
       landlock && plan.landlock.scoped != 0
           ? "PID and IPC namespaces of the engine, Landlock signal scope"
           : "PID and IPC namespaces of the engine"},
      {Layer::syscalls, Strength::kernel, "seccomp allow-list, twice: the engine's and berm's"},
      {Layer::privileges, Strength::kernel,
       fmt::format("uid {} inside and outside, no capability, no_new_privs, no nested namespaces",
                   plan.identity.uid)},
      {Layer::resources, resources,
       fmt::format(
           "{}; time, output, disk by the supervisor",
           resources == Strength::kernel
               ? "memory, processes, cpus by the engine's cgroup"
               : "memory, processes sampled, cpus not held: the engine has no cgroup here")},
  };
}

}  // namespace berm

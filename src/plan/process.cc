#include "plan/process.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/landlock_uapi.h"
#include "base/text.h"
#include "plan/kubernetes.h"
#include "plan/mounts.h"
#include "plan/network.h"
#include "plan/tools.h"

namespace berm {
namespace {

SandboxPath inside(std::string_view path) { return *SandboxPath::parse(path); }
HostPath outside(std::string_view path) { return *HostPath::parse(path); }

bool is_placeable(const File& file) { return !file.at.str().starts_with("/etc/"); }

void grant(Plan& plan, std::string_view path, Access access = Access::read_only,
           bool device = false) {
  plan.mounts.emplace_back(Bind{.from = outside(path),
                                .to = inside(path),
                                .access = access,
                                .optional = true,
                                .device = device});
}

void grant_system(Plan& plan, const HostFacts& host) {
  for (const std::string& path : host.system_directories) grant(plan, path);
  for (const std::string& path : host.system_files) grant(plan, path);
  for (const char* path : {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts"}) {
    grant(plan, path);
  }
  // All of it, or nothing works: /proc/self is another directory in each process.
  grant(plan, "/proc");
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    grant(plan, fmt::format("/dev/{}", name), Access::read_write, true);
  }
}

// Other tiers lay the copy over the repository. Here it stays where it is, and a directory around
// it would give the live one: its hidden files to read, its tree to write past the guard.
Result<void> check_grants(const Policy& policy, const HostFacts& host,
                          const RepositoryFacts& repository) {
  for (const std::vector<std::string>* paths : {&policy.read_paths, &policy.write_paths}) {
    for (const std::string& path : *paths) {
      const std::string at = path.starts_with("~/") ? host.home + path.substr(1) : path;
      const HostPath granted = outside(at);
      if (!repository.root.is_within(granted) && !granted.is_within(repository.root)) continue;
      return failure(Errc::denied,
                     fmt::format("grant '{}' in the process tier: it holds the live repository",
                                 printable(path)),
                     "grant a smaller directory, or take another tier");
    }
  }
  return {};
}

void grant_places(Plan& plan) {
  const Places& places = plan.places;
  plan.mounts.emplace_back(Directory{.at = inside(places.berm), .mode = 0755});
  plan.mounts.emplace_back(Directory{.at = inside(places.home), .mode = 0700});
  plan.mounts.emplace_back(Directory{.at = inside(places.scratch), .mode = 0700});
  grant(plan, places.berm);
  grant(plan, places.home, Access::read_write);
  grant(plan, places.scratch, Access::read_write);
}

}  // namespace

Places places_for(TierChoice tier, const HostPath& run_directory) {
  if (tier == TierChoice::kubernetes) {
    const std::string& path = run_directory.str();
    return places_for(TierChoice::process, run_directory_in_pod(path.substr(path.rfind('/') + 1)));
  }
  if (tier != TierChoice::process) return {};
  return {.home = (run_directory / "changes/home").str(),
          .scratch = (run_directory / "changes/tmp").str(),
          .berm = (run_directory / "berm").str()};
}

Result<void> check_process_tier(const Policy& policy, const HostFacts& host,
                                const AgentFacts& agent) {
  // Before ABI 3, truncate(2) empties any file of the user.
  constexpr int kFirstThatHolds = 3;
  if (host.landlock_abi < kFirstThatHolds) {
    return failure(
        Errc::unsupported,
        fmt::format("hold the file system in the process tier: Landlock ABI {} is needed, this "
                    "kernel has {}",
                    kFirstThatHolds, host.landlock_abi),
        "boot Linux 6.2 or later with lsm=landlock,…, or take another tier");
  }
  if (policy.mode == WorkspaceMode::direct || policy.mode == WorkspaceMode::worktree) {
    return failure(
        Errc::unsupported,
        fmt::format("use workspace.mode = \"{}\" in the process tier: without mounts the "
                    "workspace is a copy",
                    spelling(policy.mode)),
        "use --mode clone, or take another tier");
  }
  if (!policy.tools.programs_absent.empty()) {
    return failure(Errc::unsupported,
                   "make programs absent in the process tier: nothing can be laid over a file",
                   "deny them by [tools] Exec(…) rules, or take another tier");
  }
  for (const File& file : agent.files) {
    if (is_placeable(file) || policy.tools.unhooked) continue;
    return failure(Errc::unsupported,
                   fmt::format("give the agent its managed settings in the process tier: it reads "
                               "them from '{}', which is the host's",
                               file.at.str()),
                   "take another tier (berm doctor says what this host lacks), or run the client "
                   "with tools.unhooked = true");
  }
  return {};
}

Result<void> add_process_view(Plan& plan, const Policy& policy, const HostFacts& host,
                              const RepositoryFacts& repository, const AgentFacts& agent) {
  grant_system(plan, host);
  if (plan.egress.trust_run_ca) grant(plan, (plan.run_directory / "trust").str());
  grant_places(plan);
  for (const File& file : agent.files) {
    if (is_placeable(file)) plan.mounts.emplace_back(file);
    // tools.unhooked has let it through: without its managed settings the client does not ask.
    if (!is_placeable(file)) plan.tools.hooked = plan.tools.expected = false;
  }
  for (const HostPath& program : agent.programs) grant(plan, program.str());
  BERM_TRY(check_grants(policy, host, repository));
  if (!host.borrowing_unfit.empty()) {
    plan.notes.push_back("inotify watches are refused: pidfd_getfd(2) is (" + host.borrowing_unfit +
                         "); a surrounding container gives it with --cap-add SYS_PTRACE");
  }
  BERM_TRY(add_extra_paths(plan, policy, host));
  grant(plan, plan.workspace.at.str(), Access::read_write);
  const bool full = plan.workspace.git == GitHistory::full;
  for (std::size_t i = 0; full && i < repository.object_dirs.size(); ++i) {
    grant(plan, repository.object_dirs[i].str());
  }
  for (const InnerRepository& inner : repository.inner) {
    for (std::size_t i = 0; full && i < inner.object_dirs.size(); ++i) {
      grant(plan, inner.object_dirs[i].str());
    }
  }
  if (plan.tools.hooked) {
    plan.mounts.emplace_back(Socket{.at = inside(plan.places.berm + "/tool.sock")});
  }
  return {};
}

LandlockPlan process_landlock(const Plan& plan, const HostFacts& host) {
  namespace ll = landlock;
  LandlockPlan out{.abi = host.landlock_abi,
                   .handled_fs = ll::handled_fs(host.landlock_abi),
                   .handled_net = ll::handled_net(host.landlock_abi),
                   .scoped = ll::scopes(host.landlock_abi)};
  for (const MountOp& op : plan.mounts) {
    const auto* bind = std::get_if<Bind>(&op);
    if (bind == nullptr) continue;
    std::uint64_t rights = ll::kReadRights;
    if (bind->access == Access::read_write) rights |= ll::kWriteRights;
    if (bind->device) rights = ll::kReadFile | ll::kWriteFile | ll::kIoctlDev;
    out.rules.emplace_back(bind->to, rights & out.handled_fs);
  }
  return out;
}

std::vector<LayerReport> process_layers(const Plan& plan) {
  const LandlockPlan& landlock = plan.landlock;
  const bool own_uid = plan.identity.from_root;
  const bool scoped = landlock.scoped != 0;
  const bool tcp = landlock.handled_net != 0;
  const Strength resources = std::min(plan.limits.memory_by, plan.limits.processes_by);
  const auto how = [](Strength s) { return s == Strength::kernel ? "cgroup" : "sampled"; };
  return {
      {Layer::filesystem, Strength::kernel,
       fmt::format("Landlock ABI {}, allow only; the workspace is a copy", landlock.abi)},
      {Layer::network, tcp ? Strength::kernel : Strength::supervised,
       fmt::format("no socket but streams (seccomp); connections are made by the supervisor{}{}",
                   tcp ? ", Landlock refuses all others" : "; Landlock of this kernel knows no TCP",
                   plan.egress.any() ? "; egress by name" : "")},
      {Layer::processes,
       scoped    ? Strength::kernel
       : own_uid ? Strength::supervised
                 : Strength::absent,
       scoped ? "Landlock signal scope; a keeper ends every process of the run"
       : own_uid
           ? "a uid of the run's own; a keeper ends every process of the run"
           : "signals reach every process of the user: Landlock ABI 6 (Linux 6.12) is needed"},
      {Layer::syscalls, Strength::kernel, "seccomp allow-list, without System V and POSIX IPC"},
      {Layer::privileges, Strength::kernel,
       fmt::format("uid {}, no capability, no_new_privs, no namespaces", plan.identity.host_uid)},
      {Layer::resources, resources,
       fmt::format("memory {}, processes {}, cpus {}; time, output, disk by the supervisor",
                   how(plan.limits.memory_by), how(plan.limits.processes_by),
                   plan.limits.cpus_by == Strength::kernel ? "cgroup" : "not held")},
  };
}

std::vector<std::string> process_missing(const Plan& plan) {
  std::vector<std::string> out = {
      "process tier: names and sizes of the host's files can be asked for (stat), their content "
      "and "
      "directories cannot be read",
      "process tier: the workspace lies at another path than the repository",
      "process tier: /proc shows the host's processes and their command lines",
      "process tier: no DNS and no UDP inside: programs must use the proxies of the environment",
      "process tier: /tmp, /dev/shm and System V IPC of the host are refused; TMPDIR is the run's",
  };
  if (plan.limits.processes_by != Strength::kernel && !plan.identity.from_root) {
    out.emplace_back("process tier: no limit of the kernel holds the number of processes");
  }
  return out;
}

}  // namespace berm

#include "plan/make_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/landlock_uapi.h"
#include "base/text.h"
#include "plan/container.h"
#include "plan/credentials.h"
#include "plan/kubernetes.h"
#include "plan/microvm.h"
#include "plan/mounts.h"
#include "plan/network.h"
#include "plan/process.h"
#include "plan/sinks.h"
#include "plan/tools.h"

namespace berm {
namespace {

constexpr Bytes kScratch{1ULL << 30};

SandboxPath inside(std::string_view path) { return *SandboxPath::parse(path); }

void add_environment(Plan& plan, const Policy& policy,
                     const std::map<std::string, std::string>& passed) {
  plan.env = {{"HOME", plan.places.home},
              {"USER", "agent"},
              {"LOGNAME", "agent"},
              {"SHELL", "/bin/bash"},
              {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
              {"LANG", "C.UTF-8"},
              {"TMPDIR", plan.places.scratch},
              {"BERM_RUN", plan.run_id}};
  // Refused is not absent: git stops at a configuration that it may not read.
  if (plan.tier == TierChoice::process) plan.env["GIT_CONFIG_NOSYSTEM"] = "1";
  if (plan.terminal) plan.env["TERM"] = "xterm-256color";
  for (const auto& [name, value] : passed) plan.env[name] = value;
  for (const auto& [name, value] : policy.env_set) plan.env[name] = value;
  add_network_environment(plan);
}

LimitsPlan plan_limits(const Policy& policy, const HostFacts& host) {
  LimitsPlan limits{.memory = policy.memory,
                    .cpus = policy.cpus,
                    .processes = policy.processes,
                    .open_files = policy.open_files,
                    .time = policy.time,
                    .idle = policy.idle,
                    .disk = policy.disk,
                    .scratch = std::min(kScratch, policy.disk),
                    .output = policy.output,
                    .cgroup = host.cgroup};
  const auto by = [&](bool controller) {
    return host.cgroup != CgroupKind::none && controller ? Strength::kernel : Strength::supervised;
  };
  limits.memory_by = by(host.cgroup_memory);
  limits.cpus_by = by(host.cgroup_cpu);
  limits.processes_by = by(host.cgroup_pids);
  return limits;
}

LandlockPlan plan_landlock(const Plan& plan, const HostFacts& host) {
  namespace ll = landlock;
  LandlockPlan out{.abi = host.landlock_abi,
                   .handled_fs = ll::handled_fs(host.landlock_abi),
                   .scoped = ll::scopes(host.landlock_abi)};
  if (host.landlock_abi == 0) return out;
  // The root is readable (what is not mounted is not there); writing is what mounts grant.
  out.rules.emplace_back(inside("/"), ll::kReadRights);
  const auto writable = [&](const SandboxPath& at, std::uint64_t extra) {
    out.rules.emplace_back(at, (ll::kWriteRights | extra) & out.handled_fs);
  };
  for (const MountOp& op : plan.mounts) {
    if (const auto* bind = std::get_if<Bind>(&op);
        bind != nullptr && bind->access == Access::read_write) {
      writable(bind->to, bind->device ? ll::kIoctlDev : 0);
    } else if (const auto* tmpfs = std::get_if<Tmpfs>(&op)) {
      writable(tmpfs->at, 0);
    } else if (const auto* overlay = std::get_if<Overlay>(&op)) {
      writable(overlay->to, 0);
    } else if (const auto* devpts = std::get_if<Devpts>(&op)) {
      writable(devpts->at, ll::kIoctlDev);
    }
  }
  return out;
}

std::vector<LayerReport> report_layers(const Plan& plan) {
  const bool landlock = plan.landlock.abi > 0;
  const Strength resources = std::min(plan.limits.memory_by, plan.limits.processes_by);
  const auto how = [](Strength s) { return s == Strength::kernel ? "cgroup" : "sampled"; };
  return {
      {Layer::filesystem, Strength::kernel,
       fmt::format("mount namespace, root from nothing, {} workspace{}",
                   spelling(plan.workspace.mode),
                   landlock ? fmt::format(", Landlock ABI {}", plan.landlock.abi)
                            : "; no Landlock on this kernel")},
      {Layer::network, Strength::kernel,
       !plan.egress.any() ? "network namespace with loopback only"
       : plan.egress.rules.mode == NetworkMode::open
           ? "network namespace with loopback only; egress to any public name"
           : "network namespace with loopback only; egress by name"},
      {Layer::processes, Strength::kernel,
       landlock && plan.landlock.scoped != 0 ? "PID and IPC namespaces, Landlock signal scope"
                                             : "PID and IPC namespaces"},
      {Layer::syscalls, Strength::kernel, "seccomp allow-list"},
      {Layer::privileges, Strength::kernel,
       fmt::format("uid {} (host {}), no capability, no_new_privs, no nested namespaces",
                   plan.identity.uid, plan.identity.host_uid)},
      {Layer::resources, resources,
       fmt::format("memory {}, processes {}, cpus {}; time, output, disk by the supervisor",
                   how(plan.limits.memory_by), how(plan.limits.processes_by),
                   plan.limits.cpus_by == Strength::kernel ? "cgroup" : "not held")},
  };
}

Identity plan_identity(const Policy& policy, const HostFacts& host,
                       const RepositoryFacts& repository, const RunPlace& place) {
  const bool from_root = host.uid == 0;
  // An ordinary user's uid maps to itself: git's index compares uids, and a changed one re-hashes
  // the whole tree. Root becomes uid 1000 inside and a uid outside that owns nothing.
  // Without a user namespace there is one number for both.
  const bool mapped = from_root && policy.tier != TierChoice::process;
  return {.uid = mapped ? 1000 : place.run_uid,
          .gid = mapped ? 1000 : place.run_gid,
          .host_uid = place.run_uid,
          .host_gid = place.run_gid,
          .from_root = from_root,
          .repository_owner = repository.owner,
          .repository_group = repository.group};
}

// An overlay that cannot be had becomes a copy: as private, only slower to make.
WorkspaceMode mode_for(const Policy& policy, const HostFacts& host,
                       const RepositoryFacts& repository, std::vector<std::string>& notes) {
  if (policy.mode != WorkspaceMode::overlay) return policy.mode;
  if (policy.tier == TierChoice::container) {
    notes.emplace_back(
        "the workspace is a copy: a container engine lets nobody mount an overlay inside");
    return WorkspaceMode::clone;
  }
  if (policy.tier == TierChoice::kubernetes) return WorkspaceMode::clone;  // a bundle, in a pod
  if (policy.tier == TierChoice::process) {
    notes.emplace_back("the workspace is a copy: the process tier has no mounts");
    return WorkspaceMode::clone;
  }
  if (!host.state_unfit.empty()) {
    notes.push_back(fmt::format(
        "the workspace is a copy: the state directory lies on {}, which can hold no overlay",
        host.state_unfit));
    return WorkspaceMode::clone;
  }
  if (!repository.idmappable) {
    notes.emplace_back(
        "the workspace is a copy: the repository's file system cannot show its files as another "
        "user's (id-mapped mounts)");
    return WorkspaceMode::clone;
  }
  return policy.mode;
}

// Everything that the run sees, from nothing. In order: a later mount covers an earlier one.
Result<void> add_root(Plan& plan, const Policy& policy, const HostFacts& host,
                      const RepositoryFacts& repository, const AgentFacts& agent) {
  if (binds_system(plan)) add_system(plan, host);
  add_trust_mounts(plan, host);
  add_identity_files(plan);
  plan.mounts.emplace_back(Proc{.at = inside("/proc")});
  add_devices(plan);
  add_scratch(plan);
  for (const File& file : agent.files) plan.mounts.emplace_back(file);  // after HOME
  for (const HostPath& program : agent.programs) {
    plan.mounts.emplace_back(Bind{.from = program, .to = same_inside(program)});
  }
  BERM_TRY(add_extra_paths(plan, policy, host));
  add_workspace(plan, repository);  // last: nothing mounts over the workspace
  plan.mounts.emplace_back(Bind{.from = plan.init, .to = inside("/run/berm/berm-init")});
  if (plan.tools.hooked) plan.mounts.emplace_back(Socket{.at = inside(kToolSocket)});
  return add_absent_programs(plan, policy.tools.programs_absent, host);
}

Result<void> check_host(const Policy& policy, const HostFacts& host,
                        const RepositoryFacts& repository) {
  const bool process = policy.tier == TierChoice::process;
  if (host.uid == 0 && host.inside_user_namespace) {
    return failure(
        Errc::unsupported,
        "run as root of a user namespace: it owns no other uid that the agent could have",
        "run berm as an ordinary user of this container (useradd, su)");
  }
  if (policy.mode == WorkspaceMode::worktree && !host.state_unfit.empty()) {
    return failure(
        Errc::unsupported,
        fmt::format(
            "check out a workspace: the state directory lies on {}, which can hold no overlay",
            host.state_unfit),
        "set XDG_STATE_HOME to a directory on ext4, xfs or btrfs, or use --mode clone");
  }
  if (policy.mode == WorkspaceMode::direct && host.uid == 0 && repository.owner == 0) {
    return failure(Errc::unsupported,
                   "use mode \"direct\" in a repository of root: what the agent makes there, a "
                   "setuid program too, would be root's at once",
                   "run berm as an ordinary user who owns the repository, or use --mode overlay");
  }
  const auto link = std::ranges::find(repository.hidden, true, &HiddenPath::link);
  if (policy.mode == WorkspaceMode::direct && link != repository.hidden.end()) {
    return failure(Errc::unsupported,
                   fmt::format("hide '{}' in mode \"direct\": a link cannot be covered",
                               printable(link->path)),
                   "use mode \"overlay\"");
  }
  if (policy.mode == WorkspaceMode::direct && !repository.idmappable) {
    return failure(Errc::unsupported,
                   "use mode \"direct\" as root here: the file system supports no id-mapped mounts",
                   "run berm as the repository's owner, or use --mode clone");
  }
  // The engine, or the cluster, makes the namespaces.
  if (policy.tier == TierChoice::container || policy.tier == TierChoice::kubernetes) return {};
  if (process) return {};
  if (!host.namespaces_unfit.empty()) {
    return failure(Errc::unsupported, "make the run's namespaces: " + host.namespaces_unfit,
                   "see 'berm doctor', or take another tier (--tier process, --tier container)");
  }
  if (host.uid != 0 && host.max_user_namespaces == 0) {
    return tl::unexpected(explain_user_namespace_failure(ENOSPC, host));
  }
  if (host.uid != 0 && host.userns_clone_disabled) {
    return tl::unexpected(explain_user_namespace_failure(EPERM, host));
  }
  return {};
}

}  // namespace

std::string_view name_of(Strength strength) {
  switch (strength) {
    case Strength::kernel:
      return "kernel";
    case Strength::supervised:
      return "supervised";
    case Strength::absent:
      break;
  }
  return "absent";
}

const std::vector<Glob>& built_in_hidden() {
  static const std::vector<Glob> kHidden = [] {
    std::vector<Glob> globs;
    for (const char* pattern : {".env",
                                ".env.*",
                                "*.pem",
                                "*.key",
                                "*.p12",
                                "*.pfx",
                                "*.jks",
                                "*.keystore",
                                "*.kdbx",
                                "id_rsa*",
                                "id_dsa*",
                                "id_ecdsa*",
                                "id_ed25519*",
                                ".netrc",
                                "_netrc",
                                "*.env",
                                ".envrc",
                                ".env~",
                                ".dockercfg",
                                ".cargo/credentials",
                                ".cargo/credentials.toml",
                                ".git-credentials",
                                ".pypirc",
                                ".pgpass",
                                ".my.cnf",
                                ".vault-token",
                                ".ssh",
                                ".aws",
                                ".azure",
                                ".gnupg",
                                ".kube",
                                ".docker/config.json",
                                "gha-creds-*.json",
                                "*.tfstate",
                                "*.tfstate.backup",
                                "*.tfvars",
                                ".terraformrc",
                                "credentials.tfrc.json",
                                ".s3cfg",
                                ".boto",
                                "service-account*.json",
                                ".claude/.credentials.json",
                                ".codex/auth.json",
                                ".gemini/oauth_creds.json"}) {
      globs.push_back(*Glob::parse(pattern));
    }
    return globs;
  }();
  return kHidden;
}

Error explain_user_namespace_failure(int os_errno, const HostFacts& host) {
  Error error{.code = Errc::unsupported, .what = "create a user namespace", .os_errno = os_errno};
  if (os_errno == ENOSPC || host.max_user_namespaces == 0) {
    error.fix = fmt::format("raise user.max_user_namespaces (now {}), or run berm as root",
                            host.max_user_namespaces);
  } else if (host.apparmor_restricts_userns) {
    error.fix =
        "this host sets kernel.apparmor_restrict_unprivileged_userns=1 (Ubuntu 24.04): install "
        "berm's "
        "AppArmor profile, set the sysctl to 0, or run berm as root";
  } else if (host.userns_clone_disabled) {
    error.fix = "set kernel.unprivileged_userns_clone=1, or run berm as root";
  } else if (os_errno == EPERM) {
    error.fix =
        "a chroot (use pivot_root instead) or a container's seccomp profile forbids it (start the "
        "container with "
        "one that allows unshare(2)); 'berm doctor' tries it";
  }
  return error;
}

std::vector<std::string> missing_layers(const Plan& plan) {
  std::vector<std::string> missing;
  for (const Requirement& wanted : plan.require) {
    const auto found = std::ranges::find(plan.layers, wanted.layer, &LayerReport::layer);
    const Strength have = found == plan.layers.end() ? Strength::absent : found->strength;
    if (have >= (wanted.kernel ? Strength::kernel : Strength::supervised)) continue;
    missing.push_back(fmt::format("{}{} (have: {})", spelling(wanted.layer),
                                  wanted.kernel ? ":kernel" : "",
                                  found == plan.layers.end() ? "nothing" : found->how));
  }
  return missing;
}

Result<Plan> make_plan(const Policy& policy, const HostFacts& host,
                       const RepositoryFacts& repository, const AgentFacts& agent,
                       const RunPlace& place,
                       const std::map<std::string, std::string>& passed_env) {
  const bool process = policy.tier == TierChoice::process;
  const bool pod = policy.tier == TierChoice::kubernetes;
  if (pod) BERM_TRY(check_kubernetes(policy));
  BERM_TRY(check_host(policy, host, repository));
  if (process) BERM_TRY(check_process_tier(policy, host, agent));
  BERM_TRY(check_sinks(policy, repository));
  std::vector<std::string> notes;
  const WorkspaceMode mode = mode_for(policy, host, repository, notes);
  if (policy.mode == WorkspaceMode::direct && repository.git_is_file) {
    return failure(Errc::unsupported,
                   "use mode \"direct\" in a linked worktree or a submodule: its .git is a file, "
                   "and cannot be covered by a directory",
                   "use mode \"overlay\"");
  }
  // The process tier sees the host's paths: there the copy is what it gets, where it lies.
  const SandboxPath root = same_inside(pod       ? run_directory_in_pod(place.id) / "changes/tree"
                                       : process ? place.directory / "changes/tree"
                                                 : repository.root);
  std::vector<CredentialPlan> credentials = plan_credentials(policy, place.id);
  Plan plan{.run_id = place.id,
            .tier = process ? TierChoice::process : TierChoice::namespaces,
            .agent = agent.kind,
            .argv = agent.argv,
            .cwd = repository.relative_cwd.empty() ? root : root / repository.relative_cwd,
            .hostname = "berm",
            .terminal = place.terminal,
            .identity = plan_identity(policy, host, repository, place),
            .workspace = {.mode = mode,
                          .repository = repository.root,
                          .at = root,
                          .git = policy.git,
                          .ref = policy.ref,
                          .on_success = policy.on_success,
                          .base_commit = repository.head,
                          .base_branch = repository.branch,
                          .object_dirs = repository.object_dirs},
            .egress = plan_egress(policy, agent, egress_credentials(credentials)),
            .credentials = std::move(credentials),
            .tools = plan_tools(policy, agent),
            .audit = policy.audit,
            .limits = plan_limits(policy, host),
            .guard = {.allow = policy.allow_changes,
                      .protect = policy.protect,
                      .max_files = policy.max_files,
                      .max_size = policy.max_size,
                      .secrets = policy.secrets},
            .require = policy.require,
            .notes = std::move(notes),
            .places = places_for(policy.tier, place.directory),
            .run_directory = place.directory,
            .init = place.init};
  plan.tools.home = plan.places.home;
  if (policy.tier == TierChoice::container) BERM_TRY(choose_container(plan, policy, host));
  if (pod) {
    choose_kubernetes(plan, policy);
  } else {
    BERM_TRY(process ? add_process_view(plan, policy, host, repository, agent)
                     : add_root(plan, policy, host, repository, agent));
  }
  if (policy.tier == TierChoice::microvm) BERM_TRY(choose_microvm(plan, policy, host));
  add_environment(plan, policy, passed_env);
  if (plan.microvm) add_microvm_environment(plan);
  for (const auto& [name, value] : agent.env) plan.env[name] = value;
  add_placeholders(plan);
  if (!pod) plan.landlock = process ? process_landlock(plan, host) : plan_landlock(plan, host);
  if (plan.container) settle_container_mounts(plan);
  plan.layers = process          ? process_layers(plan)
                : plan.container ? container_layers(plan)
                : plan.microvm   ? microvm_layers(plan)
                : pod            ? kubernetes_layers(plan)
                                 : report_layers(plan);
  if (repository.hidden_in_history && policy.git == GitHistory::full) {
    plan.weaknesses.emplace_back(
        "a hidden file is tracked by git: its content can be read from the history (workspace.git "
        "= \"none\" withholds it)");
  }
  if (plan.limits.cpus_by != Strength::kernel) {
    plan.weaknesses.emplace_back(
        "limits.cpus is not held on this host: no cpu controller may be used");
  }
  for (std::string& weakness : network_weaknesses(plan.egress)) {
    plan.weaknesses.push_back(std::move(weakness));
  }
  for (std::string& weakness : credential_weaknesses(plan)) {
    plan.weaknesses.push_back(std::move(weakness));
  }
  for (std::string& weakness : tool_weaknesses(plan.tools)) {
    plan.weaknesses.push_back(std::move(weakness));
  }
  for (const std::string& weakness : agent.weaknesses) plan.weaknesses.push_back(weakness);
  BERM_TRY(check_skipped_prompts(plan, agent));
  if (policy.mode == WorkspaceMode::direct) {
    plan.weaknesses.emplace_back(
        "workspace.mode = \"direct\": writes are live in the repository, the guard only reports; "
        "hidden files are covered "
        "instead of absent, until the host replaces one; sockets in the tree can be used; "
        "limits.disk does not count");
  }
  for (std::string& missing : process        ? process_missing(plan)
                              : plan.microvm ? microvm_missing(plan)
                              : pod          ? kubernetes_missing(plan)
                                             : std::vector<std::string>()) {
    plan.weaknesses.push_back(std::move(missing));
  }
  const std::vector<std::string> missing = missing_layers(plan);
  if (missing.empty()) return plan;
  std::string all;
  for (const std::string& layer : missing) all += (all.empty() ? "" : "; ") + layer;
  return failure(Errc::unsupported, "enforce what the policy requires: " + all,
                 "run 'berm doctor' for what this host lacks, or weaken 'require' in the policy");
}

}  // namespace berm

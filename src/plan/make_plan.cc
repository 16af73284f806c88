#include "plan/make_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/landlock_uapi.h"
#include "base/text.h"

namespace berm {
namespace {

constexpr std::string_view kHome = "/home/agent";
constexpr Bytes kScratch{1ULL << 30};
constexpr std::uint16_t kProxyPort = 8118;

SandboxPath inside(std::string_view path) { return *SandboxPath::parse(path); }
HostPath outside(std::string_view path) { return *HostPath::parse(path); }

// passwd, group and nsswitch as a program expects them, with one user.
void add_identity_files(Plan& plan) {
  const Identity& id = plan.identity;
  const auto file = [&](std::string_view at, std::string content) {
    plan.mounts.emplace_back(File{.at = inside(at), .content = std::move(content), .mode = 0644});
  };
  file("/etc/passwd", fmt::format("root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
                                  "agent:x:{}:{}:agent:{}:/bin/sh\n"
                                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                                  id.uid, id.gid, kHome));
  file("/etc/group", fmt::format("root:x:0:\nagent:x:{}:\nnogroup:x:65534:\n", id.gid));
  file("/etc/nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
       "services: files\nprotocols: files\n");
  file("/etc/hosts", fmt::format("127.0.0.1 localhost {}\n::1 localhost\n", plan.hostname));
  file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
}

void add_system(Plan& plan, const HostFacts& host) {
  for (const HostFacts::Link& link : host.system_links) {
    plan.mounts.emplace_back(Symlink{.at = inside(link.at), .to = link.to});
  }
  for (const std::string& path : host.system_directories) {
    plan.mounts.emplace_back(Bind{.from = outside(path), .to = inside(path)});
  }
  for (const std::string& path : host.system_files) {
    plan.mounts.emplace_back(Bind{.from = outside(path), .to = inside(path), .optional = true});
  }
}

void add_devices(Plan& plan) {
  for (const std::string_view name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string path = fmt::format("/dev/{}", name);
    plan.mounts.emplace_back(Bind{
        .from = outside(path), .to = inside(path), .access = Access::read_write, .device = true});
  }
  plan.mounts.emplace_back(Devpts{.at = inside("/dev/pts")});
  for (const auto& [at, to] : {std::pair{"/dev/ptmx", "pts/ptmx"},
                               {"/dev/fd", "/proc/self/fd"},
                               {"/dev/stdin", "/proc/self/fd/0"},
                               {"/dev/stdout", "/proc/self/fd/1"},
                               {"/dev/stderr", "/proc/self/fd/2"}}) {
    plan.mounts.emplace_back(Symlink{.at = inside(at), .to = to});
  }
}

void add_scratch(Plan& plan) {
  // Two instances so that a full /tmp cannot take HOME with it; together within limits.scratch.
  const Bytes half{plan.limits.scratch.count / 2};
  plan.mounts.emplace_back(Tmpfs{.at = inside(kHome), .size = half, .mode = 0700});
  plan.mounts.emplace_back(Tmpfs{.at = inside("/tmp"), .size = half, .mode = 01777});
  plan.mounts.emplace_back(Tmpfs{.at = inside("/dev/shm"), .size = {64ULL << 20}, .mode = 01777});
}

// Without id-mapped mounts they are what everybody may read of them.
void add_objects(Plan& plan, const RepositoryFacts& repository, const HostPath& from,
                 std::string_view to) {
  plan.mounts.emplace_back(Bind{.from = from,
                                .to = inside(to),
                                .idmapped = plan.identity.from_root && repository.idmappable});
}

void add_git(Plan& plan, const RepositoryFacts& repository) {
  const SandboxPath at = plan.workspace.at;
  const bool full = plan.workspace.git == GitHistory::full;
  plan.mounts.emplace_back(Bind{
      .from = plan.run_directory / "changes/git", .to = at / ".git", .access = Access::read_write});
  for (std::size_t i = 0; full && i < repository.object_dirs.size(); ++i) {
    add_objects(plan, repository, repository.object_dirs[i],
                fmt::format("/run/berm/objects/{}", i));
  }
  for (std::size_t i = 0; i < repository.inner.size(); ++i) {
    const InnerRepository& inner = repository.inner[i];
    if (inner.nested) {
      plan.mounts.emplace_back(
          Bind{.from = plan.run_directory / fmt::format("changes/nested/{}", i),
               .to = at / inner.at,
               .access = Access::read_write});
    }
    for (std::size_t k = 0; full && k < inner.object_dirs.size(); ++k) {
      add_objects(plan, repository, inner.object_dirs[k], inner_objects_path(i, k));
    }
  }
}

void add_workspace(Plan& plan, const RepositoryFacts& repository) {
  const SandboxPath at = plan.workspace.at;
  const bool idmapped = plan.identity.from_root;
  const WorkspaceMode mode = plan.workspace.mode;
  if (mode == WorkspaceMode::overlay || mode == WorkspaceMode::worktree) {
    const bool checkout = mode == WorkspaceMode::worktree;  // made for this run, and the run's own
    plan.mounts.emplace_back(
        Overlay{.lower = checkout ? plan.run_directory / "base" : repository.root,
                .writable = plan.run_directory / "changes",
                .to = at,
                .masks = repository.hidden,
                .mask_parents = repository.hidden_parents,
                .root_mode = repository.root_mode,
                .git_mount_point = repository.git_is_file,
                .idmapped = idmapped && !checkout});
  } else if (mode == WorkspaceMode::clone) {
    plan.mounts.emplace_back(
        Bind{.from = plan.run_directory / "changes/tree", .to = at, .access = Access::read_write});
  } else {
    plan.mounts.emplace_back(Bind{
        .from = repository.root, .to = at, .access = Access::read_write, .idmapped = idmapped});
    const HostPath covers = plan.run_directory / "covers";
    for (const HiddenPath& hidden : repository.hidden) {
      plan.mounts.emplace_back(
          Bind{.from = covers / (hidden.directory ? "directory" : "file"), .to = at / hidden.path});
    }
    if (plan.workspace.git == GitHistory::none) {
      plan.mounts.emplace_back(Bind{.from = covers / "directory", .to = at / ".git"});
    }
  }
  if (plan.workspace.git != GitHistory::none) add_git(plan, repository);
}

Result<void> add_extra_paths(Plan& plan, const Policy& policy, const HostFacts& host) {
  const auto expand = [&](const std::string& path) {
    return path.starts_with("~/") ? host.home + path.substr(1) : path;
  };
  for (const std::vector<std::string>* paths : {&policy.read_paths, &policy.write_paths}) {
    for (const std::string& path : *paths) {
      if (!plan.run_directory.is_within(outside(expand(path)))) continue;
      return failure(Errc::denied,
                     fmt::format("grant '{}': the record of this run lies in it, at '{}'",
                                 printable(path), printable(plan.run_directory.str())),
                     "grant a smaller directory, or set XDG_STATE_HOME to another place");
    }
  }
  for (const std::string& path : policy.read_paths) {
    plan.mounts.emplace_back(Bind{.from = outside(expand(path)), .to = inside(expand(path))});
    plan.weaknesses.push_back(fmt::format(
        "files.read grants {}: a socket or fifo in it can be used, read-only or not", path));
  }
  for (const std::string& path : policy.write_paths) {
    plan.mounts.emplace_back(Bind{
        .from = outside(expand(path)), .to = inside(expand(path)), .access = Access::read_write});
    plan.weaknesses.push_back(
        fmt::format("files.write grants {}: writes there are live on the host", path));
  }
  return {};
}

void add_environment(Plan& plan, const Policy& policy,
                     const std::map<std::string, std::string>& passed) {
  plan.env = {{"HOME", std::string(kHome)},
              {"USER", "agent"},
              {"LOGNAME", "agent"},
              {"SHELL", "/bin/bash"},
              {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
              {"LANG", "C.UTF-8"},
              {"TMPDIR", "/tmp"},
              {"BERM_RUN", plan.run_id}};
  if (plan.terminal) plan.env["TERM"] = "xterm-256color";
  for (const auto& [name, value] : passed) plan.env[name] = value;
  for (const auto& [name, value] : policy.env_set) plan.env[name] = value;
  if (plan.egress.proxy_port != 0) {
    const std::string proxy = fmt::format("http://127.0.0.1:{}", plan.egress.proxy_port);
    for (const char* name : {"HTTPS_PROXY", "https_proxy"}) plan.env[name] = proxy;
    for (const char* name : {"NO_PROXY", "no_proxy"}) plan.env[name] = "127.0.0.1,localhost,::1";
  }
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

EgressPlan plan_egress(const Policy& policy, const AgentFacts& agent) {
  EgressPlan egress{.mode = policy.network, .allow = policy.allow_hosts, .model = agent.model};
  if (policy.network == NetworkMode::none) return {};
  if (!egress.allow.empty()) egress.proxy_port = kProxyPort;
  // Nothing granted, nobody to reach: no proxy process at all.
  if (egress.allow.empty() && !egress.model) egress.mode = NetworkMode::none;
  return egress;
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
       plan.egress.mode == NetworkMode::none
           ? "network namespace with loopback only"
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

Identity plan_identity(const HostFacts& host, const RepositoryFacts& repository,
                       const RunPlace& place) {
  const bool from_root = host.uid == 0;
  // An ordinary user's uid maps to itself: git's index compares uids, and a changed one re-hashes
  // the whole tree. Root becomes uid 1000 inside and a uid outside that owns nothing.
  return {.uid = from_root ? 1000 : host.uid,
          .gid = from_root ? 1000 : host.gid,
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

Result<void> check_host(const Policy& policy, const HostFacts& host,
                        const RepositoryFacts& repository) {
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
  if (host.uid != 0 && host.max_user_namespaces == 0) {
    return tl::unexpected(explain_user_namespace_failure(ENOSPC, host));
  }
  if (host.uid != 0 && host.userns_clone_disabled) {
    return tl::unexpected(explain_user_namespace_failure(EPERM, host));
  }
  return {};
}

}  // namespace

std::string inner_objects_path(std::size_t index, std::size_t object_dir) {
  return fmt::format("/run/berm/objects/inner-{}-{}", index, object_dir);
}

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
  BERM_TRY(check_host(policy, host, repository));
  std::vector<std::string> notes;
  const WorkspaceMode mode = mode_for(policy, host, repository, notes);
  if (policy.mode == WorkspaceMode::direct && repository.git_is_file) {
    return failure(Errc::unsupported,
                   "use mode \"direct\" in a linked worktree or a submodule: its .git is a file, "
                   "and cannot be covered by a directory",
                   "use mode \"overlay\"");
  }
  const SandboxPath root = same_inside(repository.root);
  Plan plan{.run_id = place.id,
            .agent = agent.kind,
            .argv = agent.argv,
            .cwd = repository.relative_cwd.empty() ? root : root / repository.relative_cwd,
            .hostname = "berm",
            .terminal = place.terminal,
            .identity = plan_identity(host, repository, place),
            .workspace = {.mode = mode,
                          .repository = repository.root,
                          .at = root,
                          .git = policy.git,
                          .ref = policy.ref,
                          .on_success = policy.on_success,
                          .base_commit = repository.head,
                          .base_branch = repository.branch,
                          .object_dirs = repository.object_dirs},
            .egress = plan_egress(policy, agent),
            .limits = plan_limits(policy, host),
            .guard = {.allow = policy.allow_changes,
                      .protect = policy.protect,
                      .max_files = policy.max_files,
                      .max_size = policy.max_size,
                      .secrets = policy.secrets},
            .require = policy.require,
            .notes = std::move(notes),
            .run_directory = place.directory,
            .init = place.init};
  add_system(plan, host);
  add_identity_files(plan);
  for (const File& file : agent.files) plan.mounts.emplace_back(file);
  plan.mounts.emplace_back(Proc{.at = inside("/proc")});
  add_devices(plan);
  add_scratch(plan);
  for (const HostPath& program : agent.programs) {
    plan.mounts.emplace_back(Bind{.from = program, .to = same_inside(program)});
  }
  BERM_TRY(add_extra_paths(plan, policy, host));
  add_workspace(plan, repository);  // last: nothing mounts over the workspace
  plan.mounts.emplace_back(Bind{.from = place.init, .to = inside("/run/berm/berm-init")});
  add_environment(plan, policy, passed_env);
  for (const auto& [name, value] : agent.env) plan.env[name] = value;
  plan.landlock = plan_landlock(plan, host);
  plan.layers = report_layers(plan);
  if (repository.hidden_in_history && policy.git == GitHistory::full) {
    plan.weaknesses.emplace_back(
        "a hidden file is tracked by git: its content can be read from the history (workspace.git "
        "= \"none\" withholds it)");
  }
  if (plan.limits.cpus_by != Strength::kernel) {
    plan.weaknesses.emplace_back(
        "limits.cpus is not held on this host: no cpu controller may be used");
  }
  if (policy.mode == WorkspaceMode::direct) {
    plan.weaknesses.emplace_back(
        "workspace.mode = \"direct\": writes are live in the repository, the guard only reports; "
        "hidden files are covered "
        "instead of absent, until the host replaces one; sockets in the tree can be used; "
        "limits.disk does not count");
  }
  const std::vector<std::string> missing = missing_layers(plan);
  if (missing.empty()) return plan;
  std::string all;
  for (const std::string& layer : missing) all += (all.empty() ? "" : "; ") + layer;
  return failure(Errc::unsupported, "enforce what the policy requires: " + all,
                 "run 'berm doctor' for what this host lacks, or weaken 'require' in the policy");
}

}  // namespace berm

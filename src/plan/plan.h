// src/plan/plan.h: policy + facts, fully decided. Nothing below this type looks anything up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/path.h"
#include "plan/facts.h"
#include "policy/policy.h"
#include "rules/egress/access.h"
#include "rules/egress/credential.h"

namespace berm {

enum class Access : std::uint8_t { read_only, read_write };

/// A host path at a sandbox path. `idmapped`: owners are shifted to the run's uid (root only).
struct Bind {
  HostPath from;
  SandboxPath to;
  Access access = Access::read_only;
  bool optional = false;
  bool device = false;  ///< A device node: the mount must not be nodev.
  bool idmapped = false;
  bool operator==(const Bind&) const = default;
};
struct Tmpfs {
  SandboxPath at;
  Bytes size;
  std::uint32_t mode = 0755;
  bool operator==(const Tmpfs&) const = default;
};
struct Directory {
  SandboxPath at;
  std::uint32_t mode = 0755;
  bool operator==(const Directory&) const = default;
};
struct File {
  SandboxPath at;
  std::string content;
  std::uint32_t mode = 0644;
  bool operator==(const File&) const = default;
};
struct Symlink {
  SandboxPath at;
  std::string to;
  bool operator==(const Symlink&) const = default;
};
struct Proc {
  SandboxPath at;
  bool operator==(const Proc&) const = default;
};
struct Devpts {
  SandboxPath at;
  bool operator==(const Devpts&) const = default;
};
/// A listening stream socket; who started the run accepts on it.
struct Socket {
  SandboxPath at;
  bool operator==(const Socket&) const = default;
};
/// Copy on write: masks (absent paths) over `lower` under a private `upper`.
struct Overlay {
  HostPath lower;
  HostPath writable;  ///< holds upper/ and work/
  SandboxPath to;
  std::vector<HiddenPath> masks;
  std::vector<MaskParent> mask_parents;
  std::uint32_t root_mode = 0755;
  bool git_mount_point = false;  ///< .git is a file below; the mask layer gives a directory
  bool idmapped = false;
  bool operator==(const Overlay&) const = default;
};
/// A program that nobody inside can execute or read, if it is there: kAbsentFile lies over what
/// `at` leads to.
struct Absent {
  SandboxPath at;
  std::string asked;  ///< the name or path in the policy
  bool operator==(const Absent&) const = default;
};
/// Where a run finds what berm put there for it. In tiers that make a root these are constants; in
/// the process tier they lie in the run's directory.
struct Places {
  std::string home = "/home/agent";
  std::string scratch = "/tmp";
  std::string berm = "/run/berm";  ///< hook client, its socket, trust, objects of the repository
  bool operator==(const Places&) const = default;
};

/// Empty and without any right; the mount over it is read-only, so its owner inside gives it none.
inline constexpr std::string_view kAbsentFile = "/run/berm/absent";
/// In order: where two overlap, the later one wins.
using MountOp =
    std::variant<Bind, Tmpfs, Directory, File, Symlink, Proc, Devpts, Socket, Overlay, Absent>;

/// Who held a limit or a layer. The report prints it; `require` compares it.
enum class Strength : std::uint8_t { absent, supervised, kernel };
[[nodiscard]] std::string_view name_of(Strength strength);

/// One line of the enforcement report: what a layer is held by, on this host, in this run.
struct LayerReport {
  Layer layer = Layer::filesystem;
  Strength strength = Strength::absent;
  std::string how;
  bool operator==(const LayerReport&) const = default;
};

struct LimitsPlan {
  Bytes memory;
  Strength memory_by = Strength::supervised;
  double cpus = 0;
  Strength cpus_by = Strength::supervised;
  std::uint64_t processes = 0;
  Strength processes_by = Strength::supervised;
  std::uint64_t open_files = 0;  ///< per process, rlimit
  Milliseconds time{};
  Milliseconds idle{};
  Bytes disk;     ///< upper directory (sampled) and one file's size (rlimit)
  Bytes scratch;  ///< HOME, /tmp and /dev/shm together (tmpfs size)
  Bytes output;
  CgroupKind cgroup = CgroupKind::none;
  bool operator==(const LimitsPlan&) const = default;
};

/// A secret of the run: where it comes from, and what stands for it inside. Never its value.
struct CredentialPlan {
  std::string name;
  CredentialGrant grant;
  std::string placeholder;
  bool operator==(const CredentialPlan&) const = default;
};

/// A model API reached by its base URL; egress adds the real key outside.
struct ModelProxy {
  std::uint16_t port = 0;  ///< on 127.0.0.1 inside
  std::string upstream;    ///< "https://api.anthropic.com"
  std::string credential;  ///< name of the grant whose secret is added
  bool operator==(const ModelProxy&) const = default;
};

/// A socket that berm-init opens inside the run's network namespace and hands out to egress.
enum class ListenerKind : std::uint8_t {
  http,     ///< HTTP proxy, 127.0.0.1
  socks,    ///< SOCKS 5, 127.0.0.1
  model,    ///< the model API's base URL, 127.0.0.1
  dns_udp,  ///< 127.0.0.1:53
  dns_tcp,
  telemetry,    ///< what the agent tells of itself (OTLP over HTTP), 127.0.0.1
  transparent,  ///< a granted port on every address that is routed to lo
};
struct Listener {
  ListenerKind kind = ListenerKind::http;
  std::uint16_t port = 0;
  bool operator==(const Listener&) const = default;
};

struct EgressPlan {
  EgressRules rules;
  NetworkBudget budget;
  NetworkBudget per_host;
  std::vector<Listener> listeners;  ///< none = no egress process at all
  std::vector<IpNetwork> routes;    ///< IPv4 networks that lead to lo: the name pool, granted ones
  bool trust_run_ca = false;        ///< a host is inspected: the run's CA is trusted inside
  std::optional<ModelProxy> model;
  std::vector<EgressCredential> credentials;  ///< in the order of Plan::credentials
  ModelBudget model_budget;
  [[nodiscard]] bool any() const { return !listeners.empty(); }
  bool operator==(const EgressPlan&) const = default;
};

/// Who decides what the agent's tools do, and how it is known that they are asked.
struct ToolPlan {
  ToolPolicy policy;
  std::string home;       ///< of the agent inside
  bool hooked = false;    ///< the agent asks before each tool call
  bool expected = false;  ///< a run without that is ended: the agent's hooks can be made to hold
  std::uint16_t telemetry_port = 0;  ///< the agent tells there which hooks it has; 0 = it does not
  bool operator==(const ToolPlan&) const = default;
};

struct LandlockPlan {
  int abi = 0;
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;  ///< TCP: nobody binds and nobody connects (process tier)
  std::uint64_t scoped = 0;
  std::vector<std::pair<SandboxPath, std::uint64_t>> rules;
  bool operator==(const LandlockPlan&) const = default;
};

struct GuardPlan {
  std::vector<Glob> allow;
  std::vector<ProtectClass> protect;
  std::uint64_t max_files = 0;
  Bytes max_size;
  SecretsAction secrets = SecretsAction::refuse;
  bool operator==(const GuardPlan&) const = default;
};

struct WorkspacePlan {
  WorkspaceMode mode = WorkspaceMode::overlay;
  HostPath repository;
  SandboxPath at;
  GitHistory git = GitHistory::full;
  std::string ref;
  OnSuccess on_success;
  std::string base_commit;
  std::string base_branch;
  std::vector<HostPath> object_dirs;
  bool operator==(const WorkspacePlan&) const = default;
};

/// Who the agent is, inside and outside.
struct Identity {
  std::uint32_t uid = 0;  ///< inside
  std::uint32_t gid = 0;
  std::uint32_t host_uid = 0;
  std::uint32_t host_gid = 0;
  bool from_root = false;  ///< the caller is root; id-mapped mounts are used
  std::uint32_t repository_owner = 0;
  std::uint32_t repository_group = 0;
  bool operator==(const Identity&) const = default;
};

/// Who runs the container, from what.
struct ContainerPlan {
  EngineFacts engine;
  std::string runtime;  ///< "" = the engine's own choice
  std::string image;
  bool operator==(const ContainerPlan&) const = default;
};

/// What runs the virtual machine. The monitor lives in a sandbox of its own, of the namespace tier.
struct MicrovmPlan {
  MonitorFacts monitor;
  HostPath kernel;
  HostPath initramfs;
  bool kvm = false;
  std::uint32_t cpus = 1;
  Bytes memory;  ///< of the machine; limits.memory is that of the machine and its monitor
  std::uint64_t processes = 0;  ///< in the machine
  std::uint32_t tsc_khz = 0;
  bool containers = false;  ///< an engine runs in it, as the machine's root
  bool operator==(const MicrovmPlan&) const = default;
};

/// Everything a tier needs, already decided. Pure data: `berm plan` prints it, tests compare it
/// whole, its digest is the first entry of the record.
struct Plan {
  std::string run_id;
  TierChoice tier = TierChoice::namespaces;
  AgentKind agent = AgentKind::none;
  std::vector<std::string> argv;           ///< argv[0] is resolved inside, never on the host
  std::map<std::string, std::string> env;  ///< the whole environment
  SandboxPath cwd;
  std::string hostname;
  bool terminal = false;
  Identity identity;
  WorkspacePlan workspace;
  std::vector<MountOp> mounts;
  LandlockPlan landlock;
  EgressPlan egress;
  std::vector<CredentialPlan> credentials;
  ToolPlan tools;
  AuditPolicy audit;
  LimitsPlan limits;
  GuardPlan guard;
  std::vector<Requirement> require;
  std::vector<LayerReport> layers;
  std::vector<std::string> notes;  ///< What is done in another way than asked for, and no weaker.
  std::vector<std::string> weaknesses;  ///< What the policy made weaker than the default.
  Places places;
  std::optional<ContainerPlan> container;
  std::optional<MicrovmPlan> microvm;
  std::optional<KubernetesPolicy> kubernetes;  ///< `berm_image` is never empty here
  HostPath run_directory;
  HostPath init;
  bool operator==(const Plan&) const = default;
};

}  // namespace berm

// src/plan/facts.h: what this host and this repository are, as the planner needs to know it.
// Filled by host/probe.cc and workspace/repository.cc; plain data, so that tests invent hosts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/path.h"
#include "policy/policy.h"

namespace berm {

/// How the kernel will hold memory, cpus and processes.
/// `scope`: v2, and systemd makes a delegated group for each run (the user's manager, or the
/// system's for root).
enum class CgroupKind : std::uint8_t { none, v1, v2, scope };

/// A container engine's client, and whether its engine answers.
struct EngineFacts {
  ContainerEngine kind = ContainerEngine::docker;
  std::string program;  ///< path of the client
  std::string version;
  bool rootless = false;  ///< root inside is nobody outside
  std::vector<std::string> runtimes;
  std::string runtime;   ///< the one that it takes when none is named
  bool limits = true;    ///< memory and processes are held by control groups of the engine
  std::string unusable;  ///< why it cannot be used here; "" = it can
  bool operator==(const EngineFacts&) const = default;
};

/// What runs virtual machines here.
struct MonitorFacts {
  VirtualMachineMonitor kind = VirtualMachineMonitor::qemu;
  std::string program;
  std::string version;
  bool operator==(const MonitorFacts&) const = default;
};

/// What the microvm tier needs of this host. Asked for only when that tier is.
struct MicrovmFacts {
  std::vector<MonitorFacts> monitors;
  bool kvm = false;           ///< the guest's kernel has booted with it, within a deadline
  std::string kvm_unfit;      ///< why not
  bool engine = false;        ///< podman is among the system's programs
  std::string directory;      ///< of what `berm image build --microvm` made: kernel, initramfs
  std::string image_unfit;    ///< why there is none that can be used; "" = there is
  std::uint32_t tsc_khz = 0;  ///< of the host's processor: an emulated guest cannot measure it
  bool operator==(const MicrovmFacts&) const = default;
};

struct HostFacts {
  std::string kernel;     ///< uname -r
  std::uint32_t uid = 0;  ///< Effective, of the caller.
  std::uint32_t gid = 0;
  int landlock_abi = 0;                    ///< 0 = none
  long max_user_namespaces = -1;           ///< -1 = no such limit
  bool apparmor_restricts_userns = false;  ///< kernel.apparmor_restrict_unprivileged_userns = 1
  bool userns_clone_disabled = false;      ///< kernel.unprivileged_userns_clone = 0 (Debian ≤ 10)
  CgroupKind cgroup = CgroupKind::none;    ///< only if we may create groups there
  bool cgroup_memory = false;
  bool cgroup_pids = false;
  bool cgroup_cpu = false;
  std::string home;                             ///< Of the caller; "" if unknown.
  std::string path;                             ///< $PATH of the caller.
  std::vector<std::string> system_directories;  ///< of kSystemCandidates, those that exist
  std::vector<std::string> system_files;        ///< of kEtcCandidates, those that exist
  std::vector<std::string>
      root_bundles;  ///< files with the roots of TLS, where programs look first
  struct Link {
    std::string at;
    std::string to;
    bool operator==(const Link&) const = default;
  };
  std::vector<Link> system_links;  ///< /bin → usr/bin and kin
  std::string state_unfit;  ///< the state directory's file system, if no overlay can have its upper
                            ///< there ("overlayfs", "nfs")
  bool inside_user_namespace = false;  ///< our uid 0 is not the host's
  std::string borrowing_unfit;   ///< why no descriptor of a run's process can be taken; "" = it can
  std::string namespaces_unfit;  ///< why a run's namespaces cannot be made here; "" = they can
  std::vector<EngineFacts> engines;  ///< asked for only when the container tier may be taken
  std::string image;                 ///< what `berm image build` made; "" = nothing yet
  MicrovmFacts microvm;
  bool operator==(const HostFacts&) const = default;
};

/// A path that exists in the repository and that a hide pattern covers.
struct HiddenPath {
  std::string path;     ///< relative
  std::string pattern;  ///< what hides it
  bool directory = false;
  bool link = false;
  friend auto operator<=>(const HiddenPath&, const HiddenPath&) = default;
};

/// A directory above a hidden path: the mask layer repeats its mode, which would otherwise shine
/// through as the mask's own.
struct MaskParent {
  std::string path;
  std::uint32_t mode = 0755;
  friend auto operator<=>(const MaskParent&, const MaskParent&) = default;
};

/// A git directory inside the workspace besides its own: a submodule's, or one that lies in the
/// tree.
struct InnerRepository {
  std::string at;  ///< inside, relative to the workspace: ".git/modules/lib", "vendor/x/.git"
  HostPath git_dir;
  std::string work_tree;  ///< of a submodule, relative to the workspace
  std::string head;       ///< commit id; "" before the first commit
  std::vector<HostPath> object_dirs;
  bool nested = false;  ///< lies in the tree: mounted over; a submodule's is part of the private
                        ///< git directory
};

/// The repository as found on disk, before anything is changed.
struct RepositoryFacts {
  HostPath root;             ///< of the working tree
  HostPath git_dir;          ///< of this working tree
  HostPath common_dir;       ///< same as git_dir but in linked worktrees
  std::string relative_cwd;  ///< of the caller below root; "" = root
  std::string head;          ///< commit id; "" before the first commit
  std::string branch;        ///< "refs/heads/main"; "" when detached
  std::uint64_t device = 0;  ///< st_dev and st_ino of the root: the baseline's identity
  std::uint64_t inode = 0;
  std::uint32_t owner = 0;  ///< uid of the root directory
  std::uint32_t group = 0;
  std::uint32_t root_mode = 0755;
  bool git_is_file = false;           ///< linked worktree or submodule: .git is a file
  std::vector<HostPath> object_dirs;  ///< objects/ and its alternates, all of them
  std::vector<HiddenPath> hidden;
  std::vector<MaskParent> hidden_parents;  ///< parents first
  bool idmappable =
      true;  ///< asked as root only: the file system can show its owner as another uid
  bool hidden_in_history = false;       ///< git's index names one of them
  std::vector<std::string> nested_git;  ///< paths of directories called .git below the root's
  std::vector<InnerRepository> inner;
};

/// What one run is given by the session: names and places nobody else uses.
struct RunPlace {
  std::string id;             ///< "r-20261122-7f3a"
  HostPath directory;         ///< $XDG_STATE_HOME/berm/runs/<id>
  HostPath init;              ///< the berm-init program
  std::uint32_t run_uid = 0;  ///< host uid of the agent; the caller's own unless root
  std::uint32_t run_gid = 0;
  bool terminal = false;
};

}  // namespace berm

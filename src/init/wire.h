// src/init/wire.h: what the supervisor hands to berm-init, byte for byte. Plain structs, no
// pointers: the program lies in a sealed memory file, offsets are from its first byte.
//
// The supervisor is trusted, yet every offset is checked: a bug there must end in a refusal here.
#pragma once

#include <cstdint>

namespace berm::wire {

inline constexpr std::uint32_t kMagic = 0x6d726562;  // "berm"
inline constexpr std::uint32_t kVersion = 6;

/// Descriptors that berm-init inherits at fixed numbers. 0, 1 and 2 are the agent's own.
inline constexpr int kControlFd = 3;    ///< SOCK_SEQPACKET to the supervisor.
inline constexpr int kProgramFd = 4;    ///< The program (memfd).
inline constexpr int kFirstTreeFd = 5;  ///< Detached mounts that the supervisor opened (as root).
inline constexpr int kKeeperFd = 5;  ///< Process tier: closed when nobody is left to end the run.
inline constexpr int kMostFds = 64;  ///< in one message

/// Where a container's berm-init finds its supervisor.
inline constexpr char kControlSocket[] = "/run/berm/control.sock";
/// In the first message there: stdin, stdout, stderr, the program and, if hooks are asked for, the
/// socket they connect to.
inline constexpr int kHandoverFds = 5;

/// One step of building the root. Targets are relative to the new root; "" is the root itself.
enum class Op : std::uint32_t {
  bind = 1,   ///< `source` (host path, or tree descriptor `slot`) at `target`, with `attributes`
  tmpfs,      ///< new tmpfs at `target`: `size` bytes, `mode`
  proc,       ///< fresh procfs at `target`
  devpts,     ///< private devpts at `target`
  directory,  ///< mkdir -p `target`, the last component with `mode`
  file,       ///< `target` with `mode` and the `size` bytes at `source`
  symlink,    ///< `target` pointing to `source`
  whiteout,   ///< character device 0:0 at `target`: absent in the overlay above
  overlay,    ///< overlay at `target`; `source` = lowerdir, upper in .berm/rw
  detach,     ///< lazily unmount `target` and remove its mount point
  read_only,  ///< the mount at `target` becomes read-only
  socket,     ///< a listening stream socket at `target`; its descriptor goes to the supervisor
  cover,      ///< the file `source` of the new root over what `target` leads to, if that is there
};

inline constexpr std::uint32_t kOptional = 1;  ///< a missing source is skipped (bind)
inline constexpr std::uint32_t kWatched =
    2;  ///< the supervisor gets a descriptor to ask how full it is (tmpfs)
inline constexpr std::uint32_t kNoSlot = 0xffffffff;

struct Instruction {
  Op op;
  std::uint32_t flags;
  std::uint32_t slot;  ///< index from kFirstTreeFd, or kNoSlot
  std::uint32_t mode;
  std::uint32_t source;      ///< offset of a NUL-terminated string or of `size` bytes
  std::uint32_t target;      ///< offset of a NUL-terminated string
  std::uint64_t attributes;  ///< MOUNT_ATTR_* to set
  std::uint64_t size;
};

struct Rlimit {
  std::uint32_t resource;
  std::uint32_t reserved;
  std::uint64_t value;
};

/// Landlock: `access` is allowed beneath `path` (sandbox side).
struct PathRule {
  std::uint32_t path;
  std::uint32_t reserved;
  std::uint64_t access;
};

/// A socket to open in the run's network namespace.
struct Listener {
  std::uint32_t address;  ///< IPv4, host order; 0 = every address that leads here
  std::uint16_t port;
  std::uint16_t udp;  ///< 0 = TCP
};

/// An IPv4 network whose addresses all lead to lo.
struct Route {
  std::uint32_t address;  ///< host order
  std::uint16_t bits;
  std::uint16_t optional;  ///< 1 = its failure is told with the listeners, and not fatal
};

/// A slice of the program: `count` elements of a known type at `offset`.
struct Slice {
  std::uint32_t offset;
  std::uint32_t count;
};

inline constexpr std::uint32_t kDropGroups = 1;  ///< started by root: setgroups(0) is possible
inline constexpr std::uint32_t kTerminal = 2;    ///< the agent gets a pseudo-terminal
inline constexpr std::uint32_t kSelfCheck = 4;
/// No namespace of its own: the process tier.
inline constexpr std::uint32_t kSharedNamespaces = 8;
/// In a virtual machine, whose network and whose programs are seen from around it.
inline constexpr std::uint32_t kGuest = 16;
/// A guest that has a container engine.
inline constexpr std::uint32_t kEngine = 32;

struct Program {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t size;  ///< of the whole program in bytes
  std::uint32_t flags;
  std::uint32_t uid;  ///< inside
  std::uint32_t gid;
  Slice instructions;  ///< Instruction
  Slice rlimits;       ///< Rlimit
  Slice path_rules;    ///< PathRule
  Slice argv;          ///< std::uint32_t offsets of strings
  Slice env;           ///< std::uint32_t offsets of strings
  Slice agent_filter;  ///< sock_filter
  Slice init_filter;   ///< sock_filter
  Slice listeners;     ///< Listener
  Slice routes;        ///< Route
  Slice sysctls;       ///< std::uint32_t offsets: names below /proc/sys that become "0"
  std::uint32_t cwd;
  std::uint32_t hostname;
  std::uint32_t forbidden_read;   ///< host path that exists outside: the self-check opens it
  std::uint32_t forbidden_write;  ///< sandbox directory on a read-only mount: tries to create there
  std::uint64_t landlock_fs;      ///< handled file rights; 0 = no Landlock here
  std::uint64_t landlock_scoped;
  std::uint64_t landlock_net;  ///< TCP rights that are handled; none is granted
};

/// Every step that can fail, in order. Sent by number; the supervisor has the words.
enum class Step : std::uint32_t {
  read_program = 1,
  await_id_maps,
  take_identity,
  die_with_supervisor,
  private_mounts,
  build_root,
  raise_loopback,
  open_listeners,
  pivot_root,
  limit_namespaces,
  open_terminal,
  set_limits,
  await_workspace,
  cgroup_namespace,
  fork_agent,
  new_session,
  drop_capabilities,
  no_new_privs,
  landlock,
  seccomp,
  self_check_read,
  self_check_write,
  self_check_connect,
  self_check_ptrace,
  self_check_mount,
  self_check_unshare,
  exec,
  guard_init,
  route_networks,
  watch_connects,
  scope_signals,
  start_keeper,
  end_processes,
};

/// How `berm-init --vmm` ends when it has lost its machine: by SIGPWR, which no agent's end
/// becomes.
inline constexpr int kMachineLost = 30;

enum class MessageKind : std::uint32_t {
  go = 1,     ///< supervisor → init: `step` (await_…) is over
  signal,     ///< supervisor → init: `value` = signal for the agent
  listeners,  ///< init → supervisor, with descriptors; `detail` = errno of an optional route, or 0
  scratch,    ///< init → supervisor, with descriptors of the watched file systems
  terminal,   ///< init → supervisor, with the master's descriptor
  started,    ///< init → supervisor: everything holds, the next call is execve
  failed,     ///< init → supervisor: `step`, `value` = errno, `detail` = instruction index
  exited,     ///< init → supervisor: `value` = wait status of the agent
  tools,      ///< init → supervisor, with the descriptor that hooks connect to
  watch,  ///< init → supervisor, with the descriptor of the agent's notifications; without one,
          ///< `value` = errno: the kernel has none to give
  handover,  ///< supervisor → init in a container: kHandoverFds
};

struct Message {
  MessageKind kind;
  Step step;
  std::int32_t value;
  std::int32_t detail;
};

}  // namespace berm::wire

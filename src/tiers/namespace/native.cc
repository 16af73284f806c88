#include "tiers/namespace/native.h"

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>

namespace berm {
namespace {

using wire::Op;

constexpr std::uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

std::string below_root(const SandboxPath& path) { return path.str().substr(1); }

// Translates one mount of the plan. Each overload is the whole story of its kind.
struct Translator {
  std::vector<NativeStep>& out;
  const Plan& plan;

  void operator()(const Bind& bind) const {
    std::uint64_t attributes = bind.device ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC : kQuiet;
    if (bind.access == Access::read_only) attributes |= MOUNT_ATTR_RDONLY;
    out.push_back({.op = Op::bind,
                   .source = bind.from.str(),
                   .target = below_root(bind.to),
                   .attributes = attributes,
                   .optional = bind.optional,
                   .idmapped = bind.idmapped});
  }
  void operator()(const Tmpfs& tmpfs) const {
    out.push_back({.op = Op::tmpfs,
                   .target = below_root(tmpfs.at),
                   .attributes = kQuiet,
                   .size = tmpfs.size.count,
                   .mode = tmpfs.mode,
                   .watched = true});
  }
  void operator()(const Directory& directory) const {
    out.push_back(
        {.op = Op::directory, .target = below_root(directory.at), .mode = directory.mode});
  }
  void operator()(const File& file) const {
    out.push_back({.op = Op::file,
                   .source = file.content,
                   .target = below_root(file.at),
                   .size = file.content.size(),
                   .mode = file.mode});
  }
  void operator()(const Symlink& link) const {
    out.push_back({.op = Op::symlink, .source = link.to, .target = below_root(link.at)});
  }
  void operator()(const Proc& proc) const {
    out.push_back(
        {.op = Op::proc, .target = below_root(proc.at), .attributes = kQuiet | MOUNT_ATTR_NOEXEC});
  }
  void operator()(const Devpts& devpts) const {
    out.push_back({.op = Op::devpts,
                   .target = below_root(devpts.at),
                   .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC});
  }
  void operator()(const Socket& socket) const {
    out.push_back({.op = Op::socket, .target = below_root(socket.at)});
  }
  void operator()(const Absent& absent) const {
    out.push_back({.op = Op::cover,
                   .source = kAbsentFile.substr(1).data(),
                   .target = below_root(absent.at),
                   .attributes = kQuiet | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC});
  }
  void operator()(const Overlay& overlay) const;
};

// The layers are assembled under /.berm, a tmpfs of its own. The overlay keeps private clones of
// its layers, so the whole scaffold is detached afterwards and nothing inside can reach a layer.
void Translator::operator()(const Overlay& overlay) const {
  const std::uint64_t masks = overlay.masks.size() + overlay.mask_parents.size();
  out.push_back({.op = Op::tmpfs,
                 .target = ".berm",
                 .attributes = kQuiet,
                 .size = (masks + 256) * 4096,
                 .mode = 0700});
  out.push_back({.op = Op::directory, .target = ".berm/mask", .mode = overlay.root_mode});
  for (const MaskParent& parent : overlay.mask_parents) {
    out.push_back(
        {.op = Op::directory, .target = ".berm/mask/" + parent.path, .mode = parent.mode});
  }
  for (const HiddenPath& hidden : overlay.masks) {
    out.push_back({.op = Op::whiteout, .target = ".berm/mask/" + hidden.path});
  }
  if (plan.workspace.git == GitHistory::none) {
    out.push_back({.op = Op::whiteout, .target = ".berm/mask/.git"});
  } else if (overlay.git_mount_point) {
    out.push_back({.op = Op::directory, .target = ".berm/mask/.git", .mode = 0755});
  }
  out.push_back({.op = Op::bind,
                 .source = overlay.lower.str(),
                 .target = ".berm/lower",
                 .attributes = kQuiet | MOUNT_ATTR_RDONLY,
                 .idmapped = overlay.idmapped});
  out.push_back({.op = Op::bind,
                 .source = overlay.writable.str(),
                 .target = ".berm/rw",
                 .attributes = kQuiet});
  out.push_back({.op = Op::overlay,
                 .source = ".berm/mask:.berm/lower",
                 .target = below_root(overlay.to),
                 .attributes = kQuiet});
  out.push_back({.op = Op::detach, .target = ".berm"});
}

std::string_view name_of(Op op) {
  switch (op) {
    case Op::bind:
      return "bind";
    case Op::tmpfs:
      return "tmpfs";
    case Op::proc:
      return "proc";
    case Op::devpts:
      return "devpts";
    case Op::directory:
      return "directory";
    case Op::file:
      return "file";
    case Op::symlink:
      return "symlink";
    case Op::whiteout:
      return "whiteout";
    case Op::overlay:
      return "overlay";
    case Op::detach:
      return "detach";
    case Op::socket:
      return "socket";
    case Op::cover:
      return "cover";
    case Op::read_only:
      break;
  }
  return "read-only";
}

std::string_view words_of(wire::Step step) {
  using wire::Step;
  switch (step) {
    case Step::read_program:
      return "read the sandbox program";
    case Step::await_id_maps:
      return "wait for the id maps";
    case Step::take_identity:
      return "take the agent's identity";
    case Step::die_with_supervisor:
      return "tie the sandbox to berm's life";
    case Step::private_mounts:
      return "make mounts private";
    case Step::build_root:
      return "build the root";
    case Step::route_networks:
      return "route the granted networks to the sandbox's own interface";
    case Step::watch_connects:
      return "let the supervisor watch connections";
    case Step::raise_loopback:
      return "raise the loopback interface";
    case Step::open_listeners:
      return "open the egress listeners";
    case Step::pivot_root:
      return "pivot into the new root";
    case Step::limit_namespaces:
      return "forbid nested namespaces";
    case Step::open_terminal:
      return "open the agent's terminal";
    case Step::set_limits:
      return "set resource limits";
    case Step::await_workspace:
      return "wait for the workspace";
    case Step::cgroup_namespace:
      return "make a cgroup namespace";
    case Step::fork_agent:
      return "fork the agent";
    case Step::new_session:
      return "start a new session";
    case Step::drop_capabilities:
      return "drop capabilities";
    case Step::no_new_privs:
      return "set no_new_privs";
    case Step::landlock:
      return "restrict with Landlock";
    case Step::seccomp:
      return "install the seccomp filter";
    case Step::self_check_read:
      return "trust the sandbox: a forbidden file could be read";
    case Step::self_check_write:
      return "trust the sandbox: a read-only directory could be written";
    case Step::self_check_connect:
      return "trust the sandbox: an address outside could be reached";
    case Step::self_check_ptrace:
      return "trust the sandbox: PID 1 could be traced";
    case Step::self_check_mount:
      return "trust the sandbox: a file system could be mounted";
    case Step::self_check_unshare:
      return "trust the sandbox: a user namespace could be made";
    case Step::exec:
      return "execute the command";
    case Step::scope_signals:
      return "keep signals within the run";
    case Step::start_keeper:
      return "start the keeper that ends every process of the run";
    case Step::end_processes:
      return "end every process of the run";
    case Step::guard_init:
      break;
  }
  return "protect berm-init";
}

}  // namespace

std::vector<NativeStep> native_steps(const Plan& plan) {
  std::vector<NativeStep> steps;
  const Translator translate{steps, plan};
  for (const MountOp& op : plan.mounts) std::visit(translate, op);
  // Last: every mount point has to be made in the root before it is sealed.
  steps.push_back({.op = Op::read_only, .target = ""});
  return steps;
}

std::string to_text(const NativeStep& step) {
  std::string out = fmt::format("{:<9} /{}", name_of(step.op), step.target);
  const bool shows_source = step.op == Op::bind || step.op == Op::overlay ||
                            step.op == Op::symlink || step.op == Op::cover;
  if (shows_source) out += fmt::format(" <- {}", step.source);
  if ((step.attributes & MOUNT_ATTR_RDONLY) != 0) out += " ro";
  if (step.op == Op::tmpfs) out += fmt::format(" size={}", step.size);
  if (step.mode != 0) out += fmt::format(" mode={:o}", step.mode);
  if (step.idmapped) out += " idmapped";
  return out;
}

std::string describe(wire::Step step, int instruction, const std::vector<NativeStep>& steps) {
  std::string what(words_of(step));
  if (step == wire::Step::build_root && instruction >= 0 &&
      static_cast<std::size_t>(instruction) < steps.size()) {
    what += ": " + to_text(steps[static_cast<std::size_t>(instruction)]);
  }
  return what;
}

}  // namespace berm

#include "tiers/namespace/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plan/make_plan.h"
#include "sys/mount.h"

namespace berm {
namespace {

constexpr std::uint64_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// Everything the child needs between clone and exec, prepared so that it does not allocate.
struct Handover {
  std::vector<UniqueFd>
      fds;  ///< in the order of their numbers inside: 0, 1, 2, control, program, trees
  UniqueFd init;
};

// Moves a descriptor above every number that the child will overwrite.
Result<UniqueFd> lift(const UniqueFd& fd, int floor) {
  UniqueFd lifted(::fcntl(fd.get(), F_DUPFD_CLOEXEC, floor));
  if (!lifted) return os_error("duplicate a descriptor");
  return lifted;
}

// Keeps the new user namespace's capabilities over exec: they are only valid inside it.
bool keep_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  for (__user_cap_data_struct& word : data) word.inheritable = word.permitted;
  if (::syscall(SYS_capset, &header, data) != 0) return false;
  for (int cap = 0; cap < 64; ++cap) {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0 && errno != EINVAL &&
        errno != EPERM) {
      return false;
    }
  }
  return true;
}

// Between clone and exec: no allocation, no locks, _exit only.
[[noreturn]] void become_init(const Handover& handover) {
  for (std::size_t i = 0; i < handover.fds.size(); ++i) {
    if (::dup2(handover.fds[i].get(), static_cast<int>(i)) < 0) ::_exit(125);
  }
  // What is left is close-on-exec by construction, but a caller may have given us more.
  if (::close_range(static_cast<unsigned>(handover.fds.size()), ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    ::_exit(125);
  }
  if (!keep_capabilities()) ::_exit(125);
  // An ignored SIGPIPE or a blocked signal of ours would be the agent's for ever.
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char name[] = "berm-init";
  char mode[] = "--sandbox";
  char* const argv[] = {name, mode, nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, handover.init.get(), "", argv, env, AT_EMPTY_PATH);
  ::_exit(125);
}

Result<std::vector<UniqueFd>> open_trees(const Plan& plan, const std::vector<HostTree>& trees) {
  std::vector<UniqueFd> fds;
  UniqueFd idmap;
  for (const HostTree& tree : trees) {
    // An id-mapped copy is not recursive: a file system mounted below may not support the mapping,
    // and overlayfs does not look into mounts of its lower layer anyway.
    UniqueFd fd = BERM_TRY(clone_tree(tree.path.str(), !tree.idmapped));
    if (tree.idmapped && !idmap) {
      idmap = BERM_TRY(make_idmap({.uid = plan.identity.repository_owner,
                                   .gid = plan.identity.repository_group,
                                   .host_uid = plan.identity.host_uid,
                                   .host_gid = plan.identity.host_gid}));
    }
    if (tree.idmapped) BERM_TRY(apply_idmap(fd.get(), idmap.get()));
    fds.push_back(std::move(fd));
  }
  return fds;
}

std::vector<std::string> absent_sources(const std::vector<NativeStep>& steps) {
  std::vector<std::string> absent;
  for (const NativeStep& step : steps) {
    if (step.optional && ::access(step.source.c_str(), F_OK) != 0) absent.push_back(step.source);
  }
  return absent;
}

Result<void> write_id_maps(const Plan& plan, pid_t pid) {
  const Identity& id = plan.identity;
  const std::string proc = fmt::format("/proc/{}/", pid);
  // Without CAP_SETGID on the host, gid_map may only be written once setgroups(2) is off: dropping
  // a group could otherwise gain access (CVE-2014-8989).
  if (!id.from_root) BERM_TRY(write_knob(proc + "setgroups", "deny"));
  BERM_TRY(write_knob(proc + "uid_map", fmt::format("{} {} 1", id.uid, id.host_uid)));
  return write_knob(proc + "gid_map", fmt::format("{} {} 1", id.gid, id.host_gid));
}

}  // namespace

Result<std::unique_ptr<Sandbox>> NamespaceSandbox::start(const Plan& plan, ChildStreams streams,
                                                         const RunCgroup& cgroup) {
  auto made = std::make_unique<NamespaceSandbox>();
  NamespaceSandbox& sandbox = *made;
  sandbox.steps_ = native_steps(plan);
  const bool from_root = plan.identity.from_root;
  const EncodedProgram encoded =
      encode(plan, sandbox.steps_, from_root,
             from_root ? absent_sources(sandbox.steps_) : std::vector<std::string>{});
  const UniqueFd program = BERM_TRY(sealed_memory("berm-program", encoded.bytes));
  std::vector<UniqueFd> trees = BERM_TRY(open_trees(plan, encoded.trees));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return os_error("make the control socket");
  }
  sandbox.control_ = UniqueFd(ends[0]);
  const UniqueFd control(ends[1]);

  Handover handover;
  handover.init = BERM_TRY(open_file(plan.init.str(), O_PATH));
  const int floor = wire::kFirstTreeFd + static_cast<int>(trees.size()) + 8;
  for (const UniqueFd* fd : std::initializer_list<const UniqueFd*>{
           &streams.in, &streams.out, &streams.err, &control, &program}) {
    handover.fds.push_back(BERM_TRY(lift(*fd, floor)));
  }
  for (const UniqueFd& tree : trees) handover.fds.push_back(BERM_TRY(lift(tree, floor)));
  handover.init = BERM_TRY(lift(handover.init, floor));

  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = kNamespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup.group() >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<__u64>(cgroup.group());
  }
  BERM_TRY(cgroup.enter());
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  const int error = errno;
  if (pid == 0) become_init(handover);
  if (pid > 0) sandbox.init_ = ChildProcess::with_pidfd(pid, UniqueFd(pidfd));
  BERM_TRY(in_context("leaving the run's control groups", cgroup.leave()));
  if (pid < 0)
    return tl::unexpected(Error{
        .code = Errc::unsupported, .what = "create the sandbox's namespaces", .os_errno = error});
  BERM_TRY(in_context("mapping the agent's uid", write_id_maps(plan, pid)));
  return made;
}

Error NamespaceSandbox::explain(const wire::Message& message) const {
  Error error{.code = Errc::kernel,
              .what = describe(message.step, message.detail, steps_),
              .os_errno = message.value};
  using wire::Step;
  if (message.step == Step::exec) {
    error.code = Errc::usage;
    error.fix = message.value == ENOENT
                    ? "the command is looked up inside the sandbox: grant its directory with --read"
                    : "check that the file is executable and its interpreter is visible inside";
  } else if (message.step >= Step::self_check_read && message.step <= Step::self_check_unshare) {
    error.code = Errc::denied;
    error.os_errno = 0;
    error.fix = "a layer that should hold does not: run 'berm doctor' and report this kernel";
  } else if (message.step == Step::build_root && message.value == EPERM &&
             error.what.find("proc") != std::string::npos) {
    error.fix =
        "the surrounding container masks /proc: start it with --security-opt "
        "systempaths=unconfined";
  } else if (message.step == Step::build_root && error.what.find("overlay") != std::string::npos) {
    error.fix =
        "this kernel or file system cannot stack an unprivileged overlay here: use --mode clone";
  }
  return error;
}

}  // namespace berm

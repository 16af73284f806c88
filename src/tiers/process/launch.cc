#include "tiers/process/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace berm {
namespace {

constexpr int kKeeperPatience = 5000;  // ms, from berm-init's end to the keeper's

// 0, 1, 2, control, program, keeper: above every number that the child will overwrite.
Result<std::vector<UniqueFd>> lifted(const std::vector<const UniqueFd*>& fds) {
  std::vector<UniqueFd> out;
  for (const UniqueFd* fd : fds) {
    out.emplace_back(::fcntl(fd->get(), F_DUPFD_CLOEXEC, wire::kKeeperFd + 8));
    if (!out.back()) return os_error("duplicate a descriptor");
  }
  return out;
}

// Between clone and exec: no allocation, no locks, _exit only.
[[noreturn]] void become_init(const std::vector<UniqueFd>& fds, int program) {
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (::dup2(fds[i].get(), static_cast<int>(i)) < 0) ::_exit(125);
  }
  if (::close_range(static_cast<unsigned>(fds.size()), ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    ::_exit(125);
  }
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char name[] = "berm-init";
  char mode[] = "--shared";
  char* const argv[] = {name, mode, nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
  ::_exit(125);
}

// The files that berm puts there for the run. As the run's own user's where it writes, else ours:
// what is only read inside must not be its to change.
Result<void> write_files(const Plan& plan) {
  for (const MountOp& op : plan.mounts) {
    if (const auto* directory = std::get_if<Directory>(&op)) {
      const std::string& at = directory->at.str();
      BERM_TRY(make_directories(at, directory->mode));
      if (::chmod(at.c_str(), directory->mode) != 0) return os_error("make a directory of the run");
    } else if (const auto* file = std::get_if<File>(&op)) {
      const std::string& at = file->at.str();
      BERM_TRY(make_directories(at.substr(0, at.rfind('/')), 0755));
      BERM_TRY(write_file(at, file->content, file->mode));
    }
  }
  const std::string program = BERM_TRY(read_file(plan.init.str(), 64 << 20));
  return write_file(plan.places.berm + "/berm-init", program, 0755);
}

// The way to the run's directory, for another user: through it, not into it. What berm itself made
// is opened as far as that needs; above it, nothing is touched.
Result<void> let_pass(const Plan& plan) {
  const std::filesystem::path changes = (plan.run_directory / "changes").str();
  constexpr int kOwn = 4;  // changes, the run, runs/, berm/
  int depth = 0;
  for (std::filesystem::path at = changes; at != at.root_path(); at = at.parent_path(), ++depth) {
    struct stat status {};
    if (::stat(at.c_str(), &status) != 0) return os_error("look at the run's directory");
    if ((status.st_mode & S_IXOTH) != 0) continue;
    if (depth >= kOwn) {
      return failure(Errc::unsupported,
                     fmt::format("let the agent's own user reach its files: '{}' lets nobody pass",
                                 at.c_str()),
                     "set XDG_STATE_HOME to a directory that every user may pass to, such as "
                     "/var/lib, or run berm as an ordinary user");
    }
    if (::chmod(at.c_str(), (status.st_mode & 07700) | S_IXOTH | S_IXGRP) != 0) {
      return os_error("let the run pass to its directory");
    }
  }
  return {};
}

// As root, the agent is another user: it owns where it writes, and may pass to it.
Result<void> give_places(const Plan& plan) {
  if (!plan.identity.from_root) return {};
  // The directory of the hooks' socket: init makes it, with the agent's identity.
  std::vector<std::string> given = {plan.places.home, plan.places.scratch, plan.places.berm};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(plan.places.home)) {
    given.push_back(entry.path());
  }
  for (const std::string& path : given) {
    if (::lchown(path.c_str(), plan.identity.host_uid, plan.identity.host_gid) != 0) {
      return os_error(fmt::format("give '{}' to the run", path));
    }
  }
  return let_pass(plan);
}

// Container engines answer clone3(2) with ENOSYS, because their filters cannot look into its
// arguments: just where this tier is needed (moby's and containerd's default profiles).
pid_t start_child(const RunCgroup& cgroup, int& pidfd) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup.group() >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<__u64>(cgroup.group());
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid >= 0 || errno != ENOSYS || cgroup.group() >= 0) return static_cast<pid_t>(pid);
  // The last two are in another order on other architectures, and neither is used.
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0));
}

}  // namespace

Result<std::unique_ptr<Sandbox>> ProcessSandbox::start(const Plan& plan, ChildStreams streams,
                                                       const RunCgroup& cgroup) {
  auto made = std::make_unique<ProcessSandbox>();
  BERM_TRY(in_context("writing the run's files", write_files(plan)));
  BERM_TRY(give_places(plan));
  made->steps_ = native_steps(plan);
  EncodedProgram encoded = encode(plan, made->steps_, false, {});
  const UniqueFd program = BERM_TRY(sealed_memory("berm-program", encoded.bytes));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return os_error("make the control socket");
  }
  made->control_ = UniqueFd(ends[0]);
  const UniqueFd control(ends[1]);
  Pipe keeper = BERM_TRY(make_pipe());
  const UniqueFd init = BERM_TRY(open_file(plan.init.str(), O_PATH));
  const std::vector<UniqueFd> fds = BERM_TRY(
      lifted({&streams.in, &streams.out, &streams.err, &control, &program, &keeper.write}));
  const std::vector<UniqueFd> executable = BERM_TRY(lifted({&init}));

  int pidfd = -1;
  BERM_TRY(cgroup.enter());
  const pid_t pid = start_child(cgroup, pidfd);
  const int error = errno;
  if (pid == 0) become_init(fds, executable[0].get());
  if (pid > 0) made->init_ = ChildProcess::with_pidfd(pid, UniqueFd(pidfd));
  BERM_TRY(in_context("leaving the run's control groups", cgroup.leave()));
  if (pid < 0) return os_error("start berm-init", error);
  made->keeper_ = std::move(keeper.read);
  return made;
}

ProcessSandbox::~ProcessSandbox() {
  if (init_) (void)wait();
}

// Whoever is left is the keeper's: berm-init's end is what it waits for.
void ProcessSandbox::kill() { init_.kill(); }

Result<ChildProcess::Ended> ProcessSandbox::wait() {
  if (control_) ::shutdown(control_.get(), SHUT_RDWR);
  Result<ChildProcess::Ended> ended = init_.wait();
  pollfd waiting{keeper_.get(), POLLIN, 0};
  if (keeper_ && ::poll(&waiting, 1, kKeeperPatience) == 0) {
    return failure(Errc::kernel, "see the end of every process of the run");
  }
  return ended;
}

Error ProcessSandbox::explain(const wire::Message& message) const {
  Error error{.code = Errc::kernel,
              .what = describe(message.step, message.detail, steps_),
              .os_errno = message.value};
  using wire::Step;
  if (message.step == Step::exec) {
    error.code = Errc::usage;
    error.fix = message.value == ENOENT || message.value == EACCES
                    ? "the command must lie where the run may read: grant its directory with --read"
                    : "check that the file is executable and its interpreter may be read";
  } else if (message.step >= Step::self_check_read && message.step <= Step::self_check_unshare) {
    error.code = Errc::denied;
    error.os_errno = 0;
    error.fix = "a layer that should hold does not: run 'berm doctor' and report this kernel";
  } else if (message.step == Step::take_identity) {
    error.fix =
        "root without CAP_SETUID and CAP_SETGID has no other identity to give: run berm as "
        "an ordinary user";
  }
  return error;
}

}  // namespace berm

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <iterator>

#include "base/landlock_uapi.h"
#include "init/setup.h"

namespace berm::init {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
#endif

int add_path_rule(int ruleset, const char* path, std::uint64_t access) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  // Optional mounts that are not there; and where we cannot go, nobody inside can.
  if (fd < 0) return errno == ENOENT || errno == EACCES ? 0 : errno;
  struct stat status {};
  int error = ::fstat(fd, &status) == 0 ? 0 : errno;
  if (error == 0 && !S_ISDIR(status.st_mode)) access &= landlock::kFileRights;
  const landlock::PathBeneathAttr rule{access, fd};
  if (error == 0 &&
      ::syscall(SYS_landlock_add_rule, ruleset, landlock::kRulePathBeneath, &rule, 0) != 0) {
    error = errno;
  }
  ::close(fd);
  return error;
}

int install_filter(std::span<const sock_filter> filter) {
  if (filter.empty() || filter.size() > 4096) return EINVAL;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  // No SECCOMP_FILTER_FLAG_SPEC_ALLOW: speculative store bypass stays mitigated.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

}  // namespace

int restrict_with_landlock(Setup& setup) {
  const wire::Program& program = setup.program.header();
  if (program.landlock_fs == 0) return 0;  // this kernel has none; the plan says so in its report
  const landlock::RulesetAttr attributes{program.landlock_fs, program.landlock_net,
                                         program.landlock_scoped};
  // An older kernel takes a shorter structure; trailing zeros are accepted by a newer one.
  const std::size_t size = program.landlock_scoped != 0 ? sizeof attributes
                           : program.landlock_net != 0  ? 2 * sizeof(std::uint64_t)
                                                        : sizeof(std::uint64_t);
  const int ruleset =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return errno;
  int error = 0;
  for (const wire::PathRule& rule : setup.program.slice<wire::PathRule>(program.path_rules)) {
    error =
        add_path_rule(ruleset, setup.program.string(rule.path), rule.access & program.landlock_fs);
    if (error != 0) break;
  }
  if (error == 0 && ::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) error = errno;
  ::close(ruleset);
  return error;
}

// The supervisor hears of every connect(2), of what is sent to an address, and of every execve(2)
// before the kernel goes on with it. Of connections it is telemetry (who tried which address, also
// where there is no route), never a decision: the boundary is the network namespace. Programs it
// may refuse, as help and not as boundary: path and arguments lie in memory that somebody else
// inside may change meanwhile (seccomp_unotify(2)).
namespace {

// Where a network namespace keeps the run apart, its connections are only looked at. Where none
// does, the supervisor makes them itself (connection_broker.h): socket, connect, bind and listen
// wait for it, and no other call leads out (add_stream_sockets() of generate.cc).
int make_watcher(std::span<sock_filter> filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  constexpr unsigned kWaitKillable = 1U << 5;  // Linux 5.19: a signal does not restart the call
  const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                            SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &program);
  if (fd >= 0 || errno != EINVAL) return static_cast<int>(fd);
  return static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

int watch_all_ways_out() {
  constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
  constexpr std::uint32_t kArch = offsetof(seccomp_data, arch);
  // The ways out, programs, and what Landlock does not look at (path_broker.h).
  constexpr std::uint32_t kWatched[] = {
      SYS_socket,
      SYS_connect,
      SYS_bind,
      SYS_listen,
      SYS_execve,
      SYS_execveat,
      SYS_fchmod,
      SYS_fchmodat,
      SYS_utimensat,
      452 /* fchmodat2 */,
      SYS_inotify_add_watch,
#ifdef SYS_chmod
      SYS_chmod,
      SYS_utime,
      SYS_utimes,
      SYS_futimesat,
#endif
  };
  constexpr std::size_t kCount = std::size(kWatched);
  sock_filter filter[kCount + 5] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArch),
      // Another architecture: the next filter kills.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNativeArch, 0, kCount + 1),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
  };
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto to_notification = static_cast<std::uint8_t>(kCount - i);
    filter[3 + i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kWatched[i], to_notification, 0);
  }
  filter[3 + kCount] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[4 + kCount] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  return make_watcher(filter);
}

int tell_watcher(int watcher, int error) {
  const wire::Message message{wire::MessageKind::watch, wire::Step::watch_connects,
                              watcher < 0 ? error : 0, 0};
  const int sent = send_message(message, &watcher, watcher < 0 ? 0 : 1);
  if (watcher >= 0) ::close(watcher);
  return sent;
}

}  // namespace

int watch_connects(Setup& setup) {
  if (!has_namespaces(setup)) {
    const int watcher = watch_all_ways_out();
    return tell_watcher(watcher, errno);
  }
  constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
  constexpr std::uint32_t kArch = offsetof(seccomp_data, arch);
  constexpr std::uint32_t kAddress = offsetof(seccomp_data, args) + 4 * sizeof(std::uint64_t);
#ifdef BERM_BENCH_WITHOUT_EXECS  // what bench/exec compares with
  constexpr unsigned kExecs = 0;
#else
  constexpr unsigned kExecs = 2;
#endif
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNativeArch, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),  // the next filter kills it
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, kExecs + 7, 0),
#ifndef BERM_BENCH_WITHOUT_EXECS
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 8, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 7, 0),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 6, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kAddress),  // send(2) is sendto(2) without an address
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kAddress + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  const int watcher = make_watcher(filter);
  return tell_watcher(watcher, errno);
}

int install_agent_filter(Setup& setup) {
  return install_filter(setup.program.slice<sock_filter>(setup.program.header().agent_filter));
}

int install_init_filter(Setup& setup) {
  return install_filter(setup.program.slice<sock_filter>(setup.program.header().init_filter));
}

}  // namespace berm::init

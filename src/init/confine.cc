#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
  if (fd < 0) return errno == ENOENT ? 0 : errno;  // optional mounts that are not there
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
  const landlock::RulesetAttr attributes{program.landlock_fs, 0, program.landlock_scoped};
  // An older kernel takes a shorter structure; trailing zeros are accepted by a newer one.
  const std::size_t size = program.landlock_scoped != 0 ? sizeof attributes : sizeof(std::uint64_t);
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
int watch_connects(Setup&) {
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
  const sock_fprog program{static_cast<unsigned short>(sizeof filter / sizeof *filter), filter};
  constexpr unsigned kWaitKillable = 1U << 5;  // Linux 5.19: a signal does not restart the call
  long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &program);
  if (fd < 0 && errno == EINVAL) {
    fd =
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  }
  const int watcher = static_cast<int>(fd);
  const wire::Message message{wire::MessageKind::watch, wire::Step::watch_connects,
                              watcher < 0 ? errno : 0, 0};
  const int error = send_message(message, &watcher, watcher < 0 ? 0 : 1);
  if (watcher >= 0) ::close(watcher);
  return error;
}

int install_agent_filter(Setup& setup) {
  return install_filter(setup.program.slice<sock_filter>(setup.program.header().agent_filter));
}

int install_init_filter(Setup& setup) {
  return install_filter(setup.program.slice<sock_filter>(setup.program.header().init_filter));
}

}  // namespace berm::init

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string_view>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int write_core_pattern() { return open_for("/proc/sys/kernel/core_pattern", O_WRONLY); }
int write_oom_score() { return open_for("/proc/self/oom_score_adj", O_WRONLY); }
// The parent of a process by /proc/PID/stat, "PID (NAME) STATE PPID …"; 0 = it has none here.
int parent_of(int pid, bool& berm_init) {
  char path[32], line[256] = {};
  ::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? 0 : ::read(fd, line, sizeof line - 1);
  if (fd >= 0) ::close(fd);
  const char* begin = ::strchr(line, '(');
  const char* end = ::strrchr(line, ')');
  if (got <= 0 || begin == nullptr || end == nullptr) return 0;
  berm_init = std::string_view(begin, static_cast<std::size_t>(end - begin)) == "(berm-init";
  return ::atoi(end + 3);
}

// Who holds the sandbox: PID 1 of its namespace. Without one, the outermost berm-init above us.
int init() {
  int found = 1;
  for (int pid = ::getppid(); pid > 0;) {
    bool berm_init = false;
    const int above = parent_of(pid, berm_init);
    if (berm_init) found = pid;
    pid = above;
  }
  return found;
}
int open_of_init(const char* name, int flags) {
  char path[64];
  ::snprintf(path, sizeof path, "/proc/%d/%s", init(), name);
  return open_for(path, flags);
}
int read_init_environ() { return open_of_init("environ", O_RDONLY); }
int read_init_memory() { return open_of_init("mem", O_RDONLY); }
int enter_init_root() { return open_of_init("root/", O_RDONLY | O_DIRECTORY); }
int list_init_descriptors() { return open_of_init("fd", O_RDONLY | O_DIRECTORY); }
int open_init_namespace() { return open_of_init("ns/mnt", O_RDONLY); }

int signal_host_process() { return done(::kill(number("BERM_DRILL_PID"), 0)); }
int see_host_process() {
  char path[64];
  ::snprintf(path, sizeof path, "/proc/%d/stat", number("BERM_DRILL_PID"));
  return see(path);
}
int trace_host_process() {
  const int error = done(::ptrace(PTRACE_SEIZE, number("BERM_DRILL_PID"), nullptr, nullptr));
  return error;
}
int trace_init() { return done(::ptrace(PTRACE_SEIZE, init(), nullptr, nullptr)); }
int signal_init() { return done(::kill(init(), SIGTERM)); }
int read_init_by_vm() {
  char buffer[8];
  iovec local{buffer, sizeof buffer};
  iovec remote{reinterpret_cast<void*>(0x400000), sizeof buffer};
  return done(::process_vm_readv(init(), &local, 1, &remote, 1, 0));
}
int steal_descriptor() {
  const int pidfd =
      static_cast<int>(::syscall(SYS_pidfd_open, ::getppid() > 0 ? ::getppid() : 1, 0));
  if (pidfd < 0) return errno;
  const int fd = static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, 0, 0));
  const int error = fd < 0 ? errno : 0;
  ::close(pidfd);
  return error;
}

// clang-format off
constexpr Act kProcesses[] = {
    {"write_core_pattern", "filesystem", EACCES, outside, write_core_pattern},
    {"write_oom_score", "filesystem", EROFS, outside, write_oom_score},
    {"read_init_environ", "processes", EACCES, namespaces, read_init_environ},
    {"read_init_memory", "processes", EACCES, namespaces, read_init_memory},
    {"enter_init_root", "processes", EACCES, namespaces, enter_init_root},
    {"list_init_descriptors", "processes", EACCES, namespaces, list_init_descriptors},
    {"open_init_namespace", "processes", EACCES, namespaces, open_init_namespace},
    {"signal_host_process", "processes", ESRCH, outside, signal_host_process},
    {"see_host_process", "processes", ENOENT, outside, see_host_process},
    {"trace_host_process", "processes", ESRCH, outside, trace_host_process},
    {"trace_init", "processes", EPERM, namespaces, trace_init},
    {"signal_init", "processes", EPERM, namespaces, signal_init},
    {"read_init_by_process_vm", "processes", EPERM, namespaces, read_init_by_vm},
    {"steal_descriptor", "syscalls", EPERM, outside, steal_descriptor},
};
// clang-format on

}  // namespace

std::span<const Act> process_acts() { return kProcesses; }

}  // namespace berm::drill

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int write_core_pattern() { return open_for("/proc/sys/kernel/core_pattern", O_WRONLY); }
int write_oom_score() { return open_for("/proc/self/oom_score_adj", O_WRONLY); }
int read_init_environ() { return open_for("/proc/1/environ", O_RDONLY); }
int read_init_memory() { return open_for("/proc/1/mem", O_RDONLY); }
int enter_init_root() { return open_for("/proc/1/root/", O_RDONLY | O_DIRECTORY); }
int list_init_descriptors() { return open_for("/proc/1/fd", O_RDONLY | O_DIRECTORY); }
int open_init_namespace() { return open_for("/proc/1/ns/mnt", O_RDONLY); }

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
int trace_init() { return done(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr)); }
int signal_init() { return done(::kill(1, SIGTERM)); }
int read_init_by_vm() {
  char buffer[8];
  iovec local{buffer, sizeof buffer};
  iovec remote{reinterpret_cast<void*>(0x400000), sizeof buffer};
  return done(::process_vm_readv(1, &local, 1, &remote, 1, 0));
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

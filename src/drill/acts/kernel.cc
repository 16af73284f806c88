#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int unshare_user() { return done(::unshare(CLONE_NEWUSER)); }
int unshare_mount() { return done(::unshare(CLONE_NEWNS)); }
int unshare_net() { return done(::unshare(CLONE_NEWNET)); }
int unshare_pid() { return done(::unshare(CLONE_NEWPID)); }
int clone_user() {
  const long pid =
      ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return done(pid);
}
int clone3_user() {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) ::_exit(0);
  if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return done(pid);
}
int join_namespace() {
  const int fd = ::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  const int error = done(::setns(fd, CLONE_NEWUTS));
  ::close(fd);
  return error;
}
int mount_tmpfs() { return done(::mount("none", "/tmp", "tmpfs", 0, nullptr)); }
int remount_usr() { return done(::mount(nullptr, "/tmp", nullptr, MS_REMOUNT | MS_BIND, nullptr)); }
int unmount_proc() { return done(::umount2("/proc", MNT_DETACH)); }
int change_root() { return done(::chroot("/")); }
int pivot() {
  return ::syscall(SYS_pivot_root, ".", ".") == 0 ? 0
                                                  : (errno == EINVAL || errno == EBUSY ? 0 : errno);
}
int new_mount_api() { return done(::syscall(SYS_fsopen, "tmpfs", 0)); }
int clone_mount() {
  return done(::syscall(SYS_open_tree, AT_FDCWD, "/usr", 1U /* OPEN_TREE_CLONE */));
}
int set_mount_attributes() {
  mount_attr attributes{};
  return done(::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes));
}

int load_bpf() {
  char attributes[128] = {};
  return ::syscall(SYS_bpf, 0 /* BPF_MAP_CREATE */, attributes, sizeof attributes) >= 0 ||
                 errno == EINVAL
             ? 0
             : errno;
}
int perf_events() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  const long fd = ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
  if (fd >= 0) ::close(static_cast<int>(fd));
  return done(fd);
}
int keyring() { return done(::syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 1)); }
int add_key() { return done(::syscall(SYS_add_key, "user", "berm", "x", 1, -2)); }
int request_key() {
  return ::syscall(SYS_request_key, "user", "berm-none", nullptr, -2) >= 0 || errno == ENOKEY
             ? 0
             : errno;
}
int io_uring() {
  char parameters[256] = {};
  const long fd = ::syscall(425 /* io_uring_setup */, 1, parameters);
  if (fd >= 0) ::close(static_cast<int>(fd));
  return done(fd);
}
int user_faults() {
  const long fd = ::syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
  if (fd >= 0) ::close(static_cast<int>(fd));
  return done(fd);
}
int kernel_log() { return done(::syscall(SYS_syslog, 10 /* SIZE_BUFFER */, nullptr, 0)); }
int accounting() {
  return ::syscall(SYS_acct, "/berm-no-such-file") == 0 || errno == ENOENT ? 0 : errno;
}
int host_name() { return done(::sethostname("berm", 4)); }
int swap() {
  return ::syscall(SYS_swapon, "/berm-no-such-file", 0) == 0 || errno == ENOENT ? 0 : errno;
}
int quota() {
  return ::syscall(SYS_quotactl, 0x800001 << 8, nullptr, 0, nullptr) == 0 || errno != EPERM ? 0
                                                                                            : errno;
}
int i386_call() {
#if defined(__x86_64__)
  // int 0x80 enters the 32-bit table: other numbers, other arguments, past a 64-bit filter.
  const pid_t pid = ::fork();
  if (pid == 0) {
    long result = 20;  // getpid
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    ::_exit(result > 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : kKilled;
#else
  return kKilled;
#endif
}
int x32_call() {
#if defined(__x86_64__)
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::syscall(0x40000000 | 39) > 0 || errno == ENOSYS ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : kKilled;
#else
  return kKilled;
#endif
}

// clang-format off
constexpr Act kKernel[] = {
    {"unshare_user", "syscalls", EPERM, outside, unshare_user},
    {"unshare_mount", "syscalls", EPERM, namespaces, unshare_mount},
    {"unshare_net", "syscalls", EPERM, namespaces, unshare_net},
    {"unshare_pid", "syscalls", EPERM, namespaces, unshare_pid},
    {"clone_user_namespace", "syscalls", ENOSYS, outside, clone_user},
    {"clone3_user_namespace", "syscalls", ENOSYS, outside, clone3_user},
    {"join_namespace", "syscalls", EPERM, namespaces, join_namespace},
    {"mount_tmpfs", "syscalls", EPERM, namespaces, mount_tmpfs},
    {"remount", "syscalls", EPERM, namespaces, remount_usr},
    {"unmount_proc", "syscalls", EPERM, namespaces, unmount_proc},
    {"change_root", "syscalls", EPERM, namespaces, change_root},
    {"pivot_root", "syscalls", EPERM, namespaces, pivot},
    {"open_file_system", "syscalls", EPERM, namespaces, new_mount_api},
    {"clone_mount", "syscalls", EPERM, namespaces, clone_mount},
    {"set_mount_attributes", "syscalls", EPERM, namespaces, set_mount_attributes},
    {"load_bpf", "syscalls", EPERM, outside, load_bpf},
    {"open_perf_event", "syscalls", EPERM, outside, perf_events},
    {"read_keyring", "syscalls", EPERM, outside, keyring},
    {"add_key", "syscalls", EPERM, outside, add_key},
    {"request_key", "syscalls", EPERM, outside, request_key},
    {"set_up_io_uring", "syscalls", ENOSYS, outside, io_uring},
    {"handle_user_faults", "syscalls", EPERM, outside, user_faults},
    {"read_kernel_log", "syscalls", EPERM, outside, kernel_log},
    {"start_accounting", "syscalls", EPERM, outside, accounting},
    {"set_host_name", "syscalls", EPERM, namespaces, host_name},
    {"add_swap", "syscalls", EPERM, outside, swap},
    {"set_quota", "syscalls", EPERM, outside, quota},
    {"call_i386_table", "syscalls", kKilled, outside, i386_call},
    {"call_x32_table", "syscalls", kKilled, outside, x32_call},
};
// clang-format on

}  // namespace

std::span<const Act> kernel_acts() { return kKernel; }

}  // namespace berm::drill

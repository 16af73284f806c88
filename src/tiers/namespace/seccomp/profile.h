// src/tiers/namespace/seccomp/profile.h: what a program inside may ask the kernel.
//
// An allow-list: a system call that is not named here does not exist (ENOSYS), so that programs
// fall back as on an older kernel. Those that programs try and whose refusal they must understand
// are in kRefused (EPERM). Compiled to BPF at build time by generate.cc, for each architecture.
#pragma once

#include <string_view>

namespace berm::seccomp {

// clang-format off
/// Allowed with any arguments.
inline constexpr std::string_view kAllowed[] = {
    // files and directories
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2",
    "open", "openat", "openat2", "creat", "close", "close_range", "lseek", "_llseek", "dup", "dup2", "dup3",
    "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir",
    "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
    "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "umask",
    "truncate", "ftruncate", "fallocate", "utime", "utimes", "utimensat", "futimesat",
    "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "fadvise64", "readahead", "flock",
    "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
    "copy_file_range", "sendfile", "splice", "tee", "vmsplice", "fcntl", "mknod", "mknodat",
    "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "name_to_handle_at",
    // memory
    "brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "msync", "mincore", "mlock", "mlock2", "munlock",
    "mlockall", "munlockall", "memfd_create", "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect",
    "get_mempolicy", "set_mempolicy", "mbind", "memfd_secret", "remap_file_pages",
    // processes and threads
    "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "getpid", "getppid", "gettid",
    "getpgid", "getpgrp", "setpgid", "getsid", "setsid", "set_tid_address", "set_robust_list", "get_robust_list",
    "futex", "futex_waitv", "rseq", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
    "sched_setparam", "sched_getscheduler", "sched_setscheduler", "sched_getattr", "sched_setattr",
    "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "getpriority", "setpriority",
    "ioprio_get", "ioprio_set", "getcpu", "getrusage", "getrlimit", "setrlimit", "prlimit64", "times",
    "arch_prctl", "prctl", "capget", "capset", "restart_syscall", "kcmp", "seccomp",
    "process_vm_readv", "process_vm_writev", "ptrace", "pidfd_open", "pidfd_send_signal", "landlock_create_ruleset",
    "landlock_add_rule", "landlock_restrict_self",
    // identity
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "setuid", "setgid",
    "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
    // signals
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "kill", "tkill", "tgkill", "pause", "signalfd", "signalfd4",
    // time
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "alarm",
    "getitimer", "setitimer", "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete",
    "timerfd_create", "timerfd_settime", "timerfd_gettime",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "pipe", "pipe2",
    "io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents", "io_pgetevents",
    // sockets, once made
    "socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername", "getsockopt",
    "setsockopt", "shutdown", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom", "recvmsg", "recvmmsg",
    // System V and POSIX inter-process communication: the namespace is the run's own
    "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv",
    "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
    // the system, read only
    "uname", "sysinfo", "getrandom",
};

/// Refused with EPERM: programs ask, and "no" must not look like "old kernel".
inline constexpr std::string_view kRefused[] = {
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "open_by_handle_at", "quotactl", "swapon", "swapoff", "reboot",
    "sethostname", "setdomainname", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
    "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog", "bpf", "perf_event_open",
    "keyctl", "add_key", "request_key", "userfaultfd", "fanotify_init", "iopl", "ioperm", "vhangup", "nfsservctl",
    "lookup_dcookie", "move_pages", "migrate_pages", "pidfd_getfd", "process_madvise",
};

/// Socket families a program may make. AF_NETLINK only with NETLINK_ROUTE (getifaddrs).
/// Not here: AF_VSOCK (the hypervisor), AF_ALG, AF_PACKET, AF_BLUETOOTH, AF_XDP … (attack surface).
inline constexpr int kFamilies[] = {1 /* AF_UNIX */, 2 /* AF_INET */, 10 /* AF_INET6 */};

/// The process tier has no namespaces: what they would keep apart does not exist there either.
/// System V and POSIX IPC of the host; and every socket that sends to an address by itself.
inline constexpr std::string_view kNotWithoutNamespaces[] = {
    "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv",
    "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
    "socketpair", "sendto", "sendmsg", "sendmmsg",
    "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr",
    "fremovexattr", "prlimit64", "setpriority", "ioprio_set", "sched_setaffinity", "sched_setparam",
    "sched_setscheduler", "sched_setattr",
};
/// Of these, what Landlock does not look at and no tool needs: owners and attributes of files.
inline constexpr std::string_view kOwners[] = {"chown", "fchown", "lchown", "fchownat"};
inline constexpr std::string_view kAttributes[] = {"setxattr", "lsetxattr", "fsetxattr", "removexattr",
    "lremovexattr", "fremovexattr"};
/// And what reaches any process of the user by its number: only with 0, oneself.
inline constexpr std::string_view kOfOneself[] = {"prlimit64", "sched_setaffinity", "sched_setparam",
    "sched_setscheduler", "sched_setattr"};

/// What berm-init itself needs once the agent runs. Anything else kills it, and with it the run.
inline constexpr std::string_view kInit[] = {
    "read", "poll", "ppoll", "wait4", "kill", "recvfrom", "recvmsg", "sendmmsg", "exit_group", "rt_sigreturn",
    "rt_sigprocmask", "signalfd4", "restart_syscall", "close",
};
/// What egress may ask once it is confined, beside what add_egress() of generate.cc allows by
/// argument: it moves bytes between sockets, and opens, executes and inspects nothing. Everything
/// else is EPERM, which its libraries take for an answer.
inline constexpr std::string_view kEgress[] = {
    "read", "readv", "write", "writev", "close", "splice", "pipe2", "connect", "accept4", "getsockname",
    "getpeername", "setsockopt", "getsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "shutdown",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "poll", "ppoll", "eventfd2", "futex",
    "set_robust_list", "rseq", "munmap", "mremap", "brk", "madvise", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigaction", "sigaltstack", "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    "getrandom", "getpid", "gettid", "exit", "exit_group", "sched_yield", "restart_syscall", "getuid",
    "geteuid", "getgid", "getegid", "getcpu", "sched_getaffinity",
};

/// What ships the record asks beside all that egress does: it reads the record, and writes how far
/// it got, on descriptors that were opened before.
inline constexpr std::string_view kShip[] = {"pread64", "pwrite64", "fdatasync", "fsync", "fstat", "newfstatat",
    "ftruncate", "lseek"};

/// The judge of tool calls, once confined: it reads what hooks say and writes what they hear, on
/// descriptors that it is given or accepts. It makes none.
inline constexpr std::string_view kJudge[] = {
    "read", "readv", "write", "writev", "close", "accept4", "getsockopt", "recvfrom", "recvmsg", "sendto", "sendmsg",
    "poll", "ppoll", "munmap", "mremap", "brk", "madvise", "rt_sigprocmask", "rt_sigreturn", "rt_sigaction",
    "sigaltstack", "clock_gettime", "gettimeofday", "time", "getrandom", "getpid", "gettid", "exit", "exit_group",
    "futex", "sched_yield", "restart_syscall",
};
// clang-format on

}  // namespace berm::seccomp

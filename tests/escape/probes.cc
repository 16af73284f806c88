#include "probes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace berm::probe {

const char* target(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

namespace {

int done(long result) { return result >= 0 ? 0 : errno; }
int number(const char* name) { return ::atoi(target(name)); }

int see(const char* path) {
  struct stat status {};
  return done(::lstat(path, &status));
}
int open_for(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}
int create(const char* path) {
  const int error = open_for(path, O_WRONLY | O_CREAT);
  if (error == 0) ::unlink(path);
  return error;
}

// ---- files
int see_shadow() { return see("/etc/shadow"); }
int see_root_home() { return see("/root"); }
int see_var() { return see("/var/log"); }
int see_sys() { return see("/sys/kernel"); }
int see_cgroups() { return see("/sys/fs/cgroup"); }
int see_boot_and_host_root() { return see("/var/lib"); }
int see_host_marker() { return see(target("BERM_PROBE_MARKER")); }
int read_host_marker() { return open_for(target("BERM_PROBE_MARKER"), O_RDONLY); }
int write_host_marker() { return open_for(target("BERM_PROBE_MARKER"), O_WRONLY); }
int read_record() { return open_for(target("BERM_PROBE_RECORD"), O_RDONLY); }
int create_in_usr() { return create("/usr/berm-probe"); }
int create_in_usr_bin() { return create("/usr/bin/berm-probe"); }
int create_in_etc() { return create("/etc/berm-probe"); }
int create_in_root() { return create("/berm-probe"); }
int create_in_run() { return create("/run/berm-probe"); }
int chmod_usr() { return done(::chmod("/usr", 0755)); }
int chown_usr() { return done(::lchown("/usr", 0, 0)); }
int write_program() { return open_for("/usr/bin/env", O_WRONLY | O_APPEND); }
int replace_program() {
  return done(::rename("/usr/bin/env", "/usr/bin/env")) == 0 ? create("/usr/bin/env.berm") : errno;
}
int link_out() {
  char name[] = "/tmp/berm-link-XXXXXX";
  const int fd = ::mkstemp(name);
  ::close(fd);
  ::unlink(name);
  if (::symlink(target("BERM_PROBE_MARKER"), name) != 0) return errno;
  const int error = open_for(name, O_RDONLY);
  ::unlink(name);
  return error;
}
int read_hidden_env() { return open_for(".env", O_RDONLY); }
int read_hidden_key() { return open_for("deep/er/server.pem", O_RDONLY); }
int make_block_device() {
  const int error = done(::mknod("/tmp/berm-block", S_IFBLK | 0600, makedev(7, 0)));
  ::unlink("/tmp/berm-block");
  return error;
}
int make_whiteout_in_workspace() {
  const int error = done(::mknod("berm-whiteout", S_IFCHR, makedev(0, 0)));
  ::unlink("berm-whiteout");
  // Two parts of the same layer: Landlock (EACCES), or the overlay, which makes none for anybody
  // (EPERM, Linux 6.1).
  return error == EPERM ? EACCES : error;
}
int open_kernel_log() { return open_for("/dev/kmsg", O_RDONLY); }
int open_disk_control() { return open_for("/dev/loop-control", O_RDONLY); }
int open_fuse() { return open_for("/dev/fuse", O_RDWR); }
int open_console() { return see("/dev/console"); }
int make_immutable() {
  const int fd = ::open("/tmp/berm-flags", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  int flags = FS_IMMUTABLE_FL;
  const int error = done(::ioctl(fd, FS_IOC_SETFLAGS, &flags));
  flags = 0;
  ::ioctl(fd, FS_IOC_SETFLAGS, &flags);
  ::close(fd);
  ::unlink("/tmp/berm-flags");
  return error;
}
int use_file_handle() {
  alignas(file_handle) unsigned char space[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (::name_to_handle_at(AT_FDCWD, "/usr", handle, &mount_id, 0) != 0) return errno;
  const int root = ::open("/usr", O_RDONLY | O_CLOEXEC);
  const int fd = ::open_by_handle_at(root, handle, O_RDONLY);
  const int error = fd < 0 ? errno : 0;
  ::close(fd);
  ::close(root);
  return error;
}
int inherited_descriptor() { return done(::fcntl(9, F_GETFD)); }
int set_trusted_xattr() {
  const int fd = ::open("/tmp/berm-xattr", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  const int error = done(::fsetxattr(fd, "trusted.berm", "1", 1, 0));
  ::close(fd);
  ::unlink("/tmp/berm-xattr");
  return error;
}

// ---- /proc
int write_core_pattern() { return open_for("/proc/sys/kernel/core_pattern", O_WRONLY); }
int write_oom_score() { return open_for("/proc/self/oom_score_adj", O_WRONLY); }
int read_init_environ() { return open_for("/proc/1/environ", O_RDONLY); }
int read_init_memory() { return open_for("/proc/1/mem", O_RDONLY); }
int enter_init_root() { return open_for("/proc/1/root/", O_RDONLY | O_DIRECTORY); }
int list_init_descriptors() { return open_for("/proc/1/fd", O_RDONLY | O_DIRECTORY); }
int open_init_namespace() { return open_for("/proc/1/ns/mnt", O_RDONLY); }

// ---- processes
int signal_host_process() { return done(::kill(number("BERM_PROBE_PID"), 0)); }
int see_host_process() {
  char path[64];
  ::snprintf(path, sizeof path, "/proc/%d/stat", number("BERM_PROBE_PID"));
  return see(path);
}
int trace_host_process() {
  const int error = done(::ptrace(PTRACE_SEIZE, number("BERM_PROBE_PID"), nullptr, nullptr));
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
int raise_priority() { return done(::setpriority(PRIO_PROCESS, 0, -10)); }
int realtime() {
  const sched_param param{1};
  const int error = done(::sched_setscheduler(0, SCHED_FIFO, &param));
  const sched_param normal{0};
  ::sched_setscheduler(0, SCHED_OTHER, &normal);
  return error;
}

// ---- namespaces and mounts
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

// ---- system calls that attack the kernel
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

// ---- terminal
// The request as the kernel gets it: the C library would cut its high bits off.
int type_by(unsigned long request) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return errno;
  const long result = ::syscall(SYS_ioctl, master, request, "x");
  // EIO: refused by the kernel's own switch, past our filter.
  const int error = result == 0 || errno == EIO ? 0 : errno;
  ::close(master);
  return error;
}
int type_into_terminal() { return type_by(TIOCSTI); }
int type_with_high_bits() { return type_by(0x100005412UL); }
int paste_into_console() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char subcode = 6;
  const int result = ::ioctl(master, TIOCLINUX, &subcode);
  const int error = result == 0 || errno == ENOTTY || errno == EINVAL ? 0 : errno;
  ::close(master);
  return error;
}
int line_discipline() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int discipline = 0;
  const int error = done(::ioctl(master, TIOCSETD, &discipline));
  ::close(master);
  return error;
}

// ---- sockets
int make_socket(int family, int type, int protocol) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) {
    return errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ? 0
                                                                                         : errno;
  }
  ::close(fd);
  return 0;
}
int packet_socket() { return make_socket(AF_PACKET, SOCK_RAW, 0); }
int raw_socket() { return make_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
int vm_socket() { return make_socket(40 /* AF_VSOCK */, SOCK_STREAM, 0); }
int crypto_socket() { return make_socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0); }
int audit_socket() { return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }
int device_events_socket() { return make_socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT); }
int bluetooth_socket() { return make_socket(31, SOCK_RAW, 1); }
int xdp_socket() { return make_socket(44, SOCK_RAW, 0); }

int connect_to(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &to.sin_addr);
  int error = done(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
  if (error == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    ::poll(&waiting, 1, 2000);
    socklen_t length = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  }
  ::close(fd);
  return error;
}
int send_to(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &to.sin_addr);
  const int error = done(::sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
  ::close(fd);
  return error;
}
int connect_unix(const sockaddr_un& address, socklen_t length) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int error = done(::connect(fd, reinterpret_cast<const sockaddr*>(&address), length));
  ::close(fd);
  return error;
}
// The control for addresses that are nobody's to reach: a namespace in which lo has them.
int reach_metadata() { return connect_to("169.254.169.254", 80); }
int reach_anywhere() { return connect_to("192.0.2.1", 443); }
int query_dns() { return send_to("192.0.2.53", 53); }
int reach_host_loopback() { return connect_to("127.0.0.1", number("BERM_PROBE_PORT")); }
int reach_host_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::snprintf(address.sun_path, sizeof address.sun_path, "%s", target("BERM_PROBE_SOCKET"));
  return connect_unix(address, sizeof address);
}
int reach_abstract_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const char* name = target("BERM_PROBE_ABSTRACT");
  ::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
  return connect_unix(address,
                      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + ::strlen(name)));
}
int configure_interface() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  ::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_PROMISC;
  const int error = done(::ioctl(fd, SIOCSIFFLAGS, &request));
  ::close(fd);
  return error;
}

// ---- privileges
int become_root() { return done(::setresuid(0, 0, 0)); }
int join_groups() {
  const gid_t root = 0;
  return done(::syscall(SYS_setgroups, 1, &root));
}
int take_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  data[0].effective = data[0].permitted = 1U << CAP_SYS_ADMIN;
  return done(::syscall(SYS_capset, &header, data));
}
int have_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  ::syscall(SYS_capget, &header, data);
  return (data[0].effective | data[0].permitted | data[1].effective | data[1].permitted) != 0
             ? 0
             : EPERM;
}
int gain_by_exec() { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : EPERM; }
int give_file_to_root() {
  const int fd = ::open("/tmp/berm-chown", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  const int error = done(::fchown(fd, 0, 0));
  ::close(fd);
  ::unlink("/tmp/berm-chown");
  return error;
}
int set_file_capability() {
  const int fd = ::open("/tmp/berm-cap", O_RDONLY | O_CREAT | O_CLOEXEC, 0700);
  const unsigned char value[20] = {1, 0, 0, 2, 0, 0, 0x20};
  const int error = done(::fsetxattr(fd, "security.capability", value, sizeof value, 0));
  ::close(fd);
  ::unlink("/tmp/berm-cap");
  return error;
}
int see_secret_variable() { return ::getenv("BERM_TEST_SECRET") != nullptr ? 0 : ENOENT; }
int see_loader_variable() { return ::getenv("BERM_TEST_LOADER") != nullptr ? 0 : ENOENT; }
int dump_core() {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  return limit.rlim_max > 0 ? 0 : EPERM;
}

using enum Control;
// clang-format off
constexpr Probe kProbes[] = {
    {"see_etc_shadow",           "filesystem", ENOENT, outside,    see_shadow},
    {"see_root_home",            "filesystem", ENOENT, outside,    see_root_home},
    {"see_var_log",                "filesystem", ENOENT, outside,    see_var},
    {"see_var_lib",              "filesystem", ENOENT, outside,    see_boot_and_host_root},
    {"see_sysfs",                "filesystem", ENOENT, outside,    see_sys},
    {"see_cgroupfs",             "filesystem", ENOENT, outside,    see_cgroups},
    {"see_host_file",            "filesystem", ENOENT, outside,    see_host_marker},
    {"read_host_file",           "filesystem", ENOENT, outside,    read_host_marker},
    {"write_host_file",          "filesystem", ENOENT, outside,    write_host_marker},
    {"read_record",              "filesystem", ENOENT, outside,    read_record},
    {"create_in_usr",            "filesystem", EROFS,  outside,    create_in_usr},
    {"create_in_usr_bin",        "filesystem", EROFS,  outside,    create_in_usr_bin},
    {"create_in_etc",            "filesystem", EROFS,  outside,    create_in_etc},
    {"create_in_root",           "filesystem", EROFS,  outside,    create_in_root},
    {"create_in_run",            "filesystem", EROFS,  outside,    create_in_run},
    {"chmod_usr",                "filesystem", EROFS,  outside,    chmod_usr},
    {"chown_usr",                "filesystem", EROFS,  namespaces, chown_usr},
    {"write_program",            "filesystem", EACCES,  outside,    write_program},
    {"replace_program",          "filesystem", EROFS,  outside,    replace_program},
    {"follow_link_out",          "filesystem", ENOENT, outside,    link_out},
    {"read_hidden_env",          "filesystem", ENOENT, outside,    read_hidden_env},
    {"read_hidden_key",          "filesystem", ENOENT, outside,    read_hidden_key},
    {"make_block_device",        "filesystem", EACCES,  outside,    make_block_device},
    {"make_whiteout",            "filesystem", EACCES,  outside,    make_whiteout_in_workspace},
    {"open_kernel_log_device",   "filesystem", ENOENT, outside,    open_kernel_log},
    {"open_loop_control",        "filesystem", ENOENT, outside,    open_disk_control},
    {"open_fuse_device",         "filesystem", ENOENT, outside,    open_fuse},
    {"see_console_device",       "filesystem", ENOENT, outside,    open_console},
    {"make_file_immutable",      "privileges", EPERM,  outside,    make_immutable},
    {"open_by_file_handle",      "syscalls",   EPERM,  outside,    use_file_handle},
    {"use_inherited_descriptor", "filesystem", EBADF,  outside,    inherited_descriptor},
    {"set_trusted_xattr",        "privileges", EPERM,  outside,    set_trusted_xattr},

    {"write_core_pattern",       "filesystem", EACCES,  outside,    write_core_pattern},
    {"write_oom_score",          "filesystem", EROFS,  outside,    write_oom_score},
    {"read_init_environ",        "processes",  EACCES, namespaces, read_init_environ},
    {"read_init_memory",         "processes",  EACCES, namespaces, read_init_memory},
    {"enter_init_root",          "processes",  EACCES, namespaces, enter_init_root},
    {"list_init_descriptors",    "processes",  EACCES, namespaces, list_init_descriptors},
    {"open_init_namespace",      "processes",  EACCES, namespaces, open_init_namespace},

    {"signal_host_process",      "processes",  ESRCH,  outside,    signal_host_process},
    {"see_host_process",         "processes",  ENOENT, outside,    see_host_process},
    {"trace_host_process",       "processes",  ESRCH,  outside,    trace_host_process},
    {"trace_init",               "processes",  EPERM,  namespaces, trace_init},
    {"signal_init",              "processes",  EPERM,  namespaces, signal_init},
    {"read_init_by_process_vm",  "processes",  EPERM,  namespaces, read_init_by_vm},
    {"steal_descriptor",         "syscalls",   EPERM,  outside,    steal_descriptor},
    {"raise_priority",           "privileges", EACCES, outside,    raise_priority},
    {"become_realtime",          "privileges", EPERM,  outside,    realtime},

    {"unshare_user",             "syscalls",   EPERM,  outside,    unshare_user},
    {"unshare_mount",            "syscalls",   EPERM,  namespaces, unshare_mount},
    {"unshare_net",              "syscalls",   EPERM,  namespaces, unshare_net},
    {"unshare_pid",              "syscalls",   EPERM,  namespaces, unshare_pid},
    {"clone_user_namespace",     "syscalls",   ENOSYS, outside,    clone_user},
    {"clone3_user_namespace",    "syscalls",   ENOSYS, outside,    clone3_user},
    {"join_namespace",           "syscalls",   EPERM,  namespaces, join_namespace},
    {"mount_tmpfs",              "syscalls",   EPERM,  namespaces, mount_tmpfs},
    {"remount",                  "syscalls",   EPERM,  namespaces, remount_usr},
    {"unmount_proc",             "syscalls",   EPERM,  namespaces, unmount_proc},
    {"change_root",              "syscalls",   EPERM,  namespaces, change_root},
    {"pivot_root",               "syscalls",   EPERM,  namespaces, pivot},
    {"open_file_system",         "syscalls",   EPERM,  namespaces, new_mount_api},
    {"clone_mount",              "syscalls",   EPERM,  namespaces, clone_mount},
    {"set_mount_attributes",     "syscalls",   EPERM,  namespaces, set_mount_attributes},

    {"load_bpf",                 "syscalls",   EPERM,  outside,    load_bpf},
    {"open_perf_event",          "syscalls",   EPERM,  outside,    perf_events},
    {"read_keyring",             "syscalls",   EPERM,  outside,    keyring},
    {"add_key",                  "syscalls",   EPERM,  outside,    add_key},
    {"request_key",              "syscalls",   EPERM,  outside,    request_key},
    {"set_up_io_uring",          "syscalls",   ENOSYS, outside,    io_uring},
    {"handle_user_faults",       "syscalls",   EPERM,  outside,    user_faults},
    {"read_kernel_log",          "syscalls",   EPERM,  outside,    kernel_log},
    {"start_accounting",         "syscalls",   EPERM,  outside,    accounting},
    {"set_host_name",            "syscalls",   EPERM,  namespaces, host_name},
    {"add_swap",                 "syscalls",   EPERM,  outside,    swap},
    {"set_quota",                "syscalls",   EPERM,  outside,    quota},
    {"call_i386_table",          "syscalls",   kKilled, outside,   i386_call},
    {"call_x32_table",           "syscalls",   kKilled, outside,   x32_call},

    {"type_into_terminal",       "syscalls",   EPERM,  outside,    type_into_terminal},
    {"type_with_high_bits",      "syscalls",   EPERM,  outside,    type_with_high_bits},
    {"paste_into_console",       "syscalls",   EPERM,  outside,    paste_into_console},
    {"load_line_discipline",     "syscalls",   EPERM,  outside,    line_discipline},

    {"open_packet_socket",       "syscalls",   ENOSYS, outside,    packet_socket},
    {"open_raw_socket",          "privileges", EPERM,  outside,    raw_socket},
    {"open_vm_socket",           "syscalls",   ENOSYS, outside,    vm_socket},
    {"open_crypto_socket",       "syscalls",   ENOSYS, outside,    crypto_socket},
    {"open_audit_socket",        "syscalls",   ENOSYS, outside,    audit_socket},
    {"open_device_events",       "syscalls",   ENOSYS, outside,    device_events_socket},
    {"open_bluetooth_socket",    "syscalls",   ENOSYS, outside,    bluetooth_socket},
    {"open_xdp_socket",          "syscalls",   ENOSYS, outside,    xdp_socket},
    {"reach_metadata_service",   "network",    ENETUNREACH,  namespaces, reach_metadata},
    {"reach_any_address",        "network",    ENETUNREACH,  namespaces, reach_anywhere},
    {"query_dns",                "network",    ENETUNREACH,  namespaces, query_dns},
    {"reach_host_loopback",      "network",    ECONNREFUSED, outside,    reach_host_loopback},
    {"reach_host_socket",        "filesystem", ENOENT,       outside,    reach_host_socket},
    {"reach_abstract_socket",    "network",    ECONNREFUSED, outside,    reach_abstract_socket},
    {"configure_interface",      "privileges", EPERM,        namespaces, configure_interface},

    {"become_root",              "privileges", EINVAL, outside,    become_root},
    {"join_root_group",          "privileges", EPERM,  outside,    join_groups},
    {"take_capabilities",        "privileges", EPERM,  outside,    take_capabilities},
    {"have_capabilities",        "privileges", EPERM,  outside,    have_capabilities},
    {"gain_privileges_by_exec",  "privileges", EPERM,  outside,    gain_by_exec},
    {"give_file_to_root",        "privileges", EINVAL, outside,    give_file_to_root},
    {"set_file_capability",      "privileges", EPERM,  outside,    set_file_capability},
    {"see_secret_variable",      "privileges", ENOENT, outside,    see_secret_variable},
    {"see_loader_variable",      "privileges", ENOENT, outside,    see_loader_variable},
    {"dump_core",                "resources",  EPERM,  namespaces, dump_core},
};
// clang-format on

}  // namespace

std::span<const Probe> probes() { return kProbes; }

}  // namespace berm::probe

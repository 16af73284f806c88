#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {

namespace {

// The supervisor says go once for each step that waits, in order.
int await_go(wire::Step step) {
  wire::Message message{};
  const int error = receive_message(message);
  if (error != 0) return error;
  return message.kind == wire::MessageKind::go && message.step == step ? 0 : EPROTO;
}

}  // namespace

int await_id_maps(Setup&) { return await_go(wire::Step::await_id_maps); }

// The supervisor fills the private git directory and writes the record while the root is built.
int await_workspace(Setup&) { return await_go(wire::Step::await_workspace); }

int own_cgroup_namespace(Setup&) { return ::unshare(CLONE_NEWCGROUP) == 0 ? 0 : errno; }

int take_identity(Setup& setup) {
  const wire::Program& program = setup.program.header();
  // An ordinary user may not drop supplementary groups inside a user namespace (setgroups is
  // denied, CVE-2014-8989); no file of the host that such a group could open is mounted.
  if ((program.flags & wire::kDropGroups) != 0 && ::setgroups(0, nullptr) != 0) return errno;
  if (::setresgid(program.gid, program.gid, program.gid) != 0) return errno;
  if (::setresuid(program.uid, program.uid, program.uid) != 0) return errno;
  // The keyring of the caller's session holds tickets and keys; ours is new and empty.
  ::syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, nullptr);
  const char* hostname = setup.program.string(program.hostname);
  std::size_t length = 0;
  while (hostname[length] != '\0') ++length;
  return ::sethostname(hostname, length) == 0 ? 0 : errno;
}

int hide_from_tracers(Setup&) {
  // The agent shares our uid and must not read our memory or descriptors. A program that is not
  // dumpable has its /proc files owned by root, so this waits until the supervisor wrote uid_map.
  return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

int die_with_supervisor(Setup&) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return errno;
  // The supervisor may have died before the line above. Its end of the socket then is closed;
  // getppid() cannot tell, it is 0 in a PID namespace either way.
  pollfd control{wire::kControlFd, POLLIN, 0};
  if (::poll(&control, 1, 0) < 0) return errno;
  return (control.revents & (POLLHUP | POLLERR)) != 0 ? ECONNRESET : 0;
}

int limit_namespaces(Setup& setup) {
  for (const std::uint32_t name :
       setup.program.slice<std::uint32_t>(setup.program.header().sysctls)) {
    const int fd = ::openat(setup.proc_fd, setup.program.string(name), O_WRONLY | O_CLOEXEC);
    // A kernel without one kind of namespace has no such limit, and nothing to limit.
    if (fd < 0 && errno == ENOENT) continue;
    if (fd < 0) return errno;
    const bool written = ::write(fd, "0", 1) == 1;
    const int error = errno;
    ::close(fd);
    if (!written) return error;
  }
  // From here on nobody inside can write to /proc, whatever the file's own mode says.
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_RDONLY;
  const int sealed = ::mount_setattr(setup.proc_fd, "", AT_EMPTY_PATH, &wanted, sizeof wanted);
  const int error = sealed == 0 ? 0 : errno;
  ::close(setup.proc_fd);
  setup.proc_fd = -1;
  return error;
}

int set_limits(Setup& setup) {
  for (const wire::Rlimit& limit :
       setup.program.slice<wire::Rlimit>(setup.program.header().rlimits)) {
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit current{};
    if (::getrlimit(resource, &current) != 0) return errno;
    // Raising needs CAP_SYS_RESOURCE on the host: a lower limit that is already there stays.
    const rlim_t value = limit.value < current.rlim_max ? limit.value : current.rlim_max;
    const rlimit wanted{value, value};
    if (::setrlimit(resource, &wanted) != 0) return errno;
  }
  return 0;
}

int drop_capabilities(Setup&) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  for (int cap = 0; cap < 64; ++cap) {
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno != EINVAL) return errno;
    break;  // past the last capability of this kernel
  }
  constexpr unsigned kLocked = (1U << 0) | (1U << 1) |  // SECBIT_NOROOT and its lock
                               (1U << 2) | (1U << 3) |  // SECBIT_NO_SETUID_FIXUP and its lock
                               (1U << 5) |              // SECBIT_KEEP_CAPS stays off, locked
                               (1U << 6) | (1U << 7);   // SECBIT_NO_CAP_AMBIENT_RAISE and its lock
  if (::prctl(PR_SET_SECUREBITS, kLocked, 0, 0, 0) != 0) return errno;
  return clear_capabilities();
}

int clear_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return errno;
  // After a restriction, verify it.
  __user_cap_data_struct now[2] = {};
  if (::syscall(SYS_capget, &header, now) != 0) return errno;
  const bool any = (now[0].effective | now[0].permitted | now[0].inheritable | now[1].effective |
                    now[1].permitted | now[1].inheritable) != 0;
  return any ? EPERM : 0;
}

int set_no_new_privs(Setup&) { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno; }

}  // namespace berm::init

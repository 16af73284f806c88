#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "init/setup.h"

namespace berm::init {

int mount_own_proc(Setup&) {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return ::mount("proc", "/proc", "proc", kFlags, nullptr) == 0 ? 0 : errno;
}

int limit_guest_namespaces(Setup& setup) {
  setup.proc_fd = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return setup.proc_fd < 0 ? errno : limit_namespaces(setup);
}

// From root of the machine to the agent's uid, with the capabilities that drop_capabilities() needs
// to give up the rest: there is no user namespace that would have them.
int take_guest_identity(Setup& setup) {
  const wire::Program& program = setup.program.header();
  const char* hostname = setup.program.string(program.hostname);
  if (::sethostname(hostname, std::strlen(hostname)) != 0) return errno;
  ::syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, nullptr);
  if (::setgroups(0, nullptr) != 0) return errno;
  if (::setresgid(program.gid, program.gid, program.gid) != 0) return errno;
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno;
  if (::setresuid(program.uid, program.uid, program.uid) != 0) return errno;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return errno;
  for (__user_cap_data_struct& word : data) word.effective = word.permitted;
  return ::syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

}  // namespace berm::init

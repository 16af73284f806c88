#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

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
  const int fd = ::open(scratch("berm-chown"), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  const int error = done(::fchown(fd, 0, 0));
  ::close(fd);
  ::unlink(scratch("berm-chown"));
  return error;
}
int set_file_capability() {
  const int fd = ::open(scratch("berm-cap"), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
  if (fd < 0) return errno;
  const unsigned char value[20] = {1, 0, 0, 2, 0, 0, 0x20};
  const int error = done(::fsetxattr(fd, "security.capability", value, sizeof value, 0));
  ::close(fd);
  ::unlink(scratch("berm-cap"));
  return error;
}

// clang-format off
constexpr Act kPrivileges[] = {
    {"become_root", "privileges", EINVAL, outside, become_root},
    {"join_root_group", "privileges", EPERM, outside, join_groups},
    {"take_capabilities", "privileges", EPERM, outside, take_capabilities},
    {"have_capabilities", "privileges", EPERM, outside, have_capabilities},
    {"gain_privileges_by_exec", "privileges", EPERM, outside, gain_by_exec},
    {"give_file_to_root", "privileges", EINVAL, outside, give_file_to_root},
    {"set_file_capability", "privileges", EPERM, outside, set_file_capability},
};
// clang-format on

}  // namespace

std::span<const Act> privilege_acts() { return kPrivileges; }

}  // namespace berm::drill

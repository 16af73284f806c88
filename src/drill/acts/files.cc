#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int see_shadow() { return see("/etc/shadow"); }
int see_root_home() { return see("/root"); }
int see_var() { return see("/var/log"); }
int see_sys() { return see("/sys/kernel"); }
int see_cgroups() { return see("/sys/fs/cgroup"); }
int see_boot_and_host_root() { return see("/var/lib"); }
int see_host_marker() { return see(target("BERM_DRILL_MARKER")); }
int read_host_marker() { return open_for(target("BERM_DRILL_MARKER"), O_RDONLY); }
int write_host_marker() { return open_for(target("BERM_DRILL_MARKER"), O_WRONLY); }
int read_record() { return open_for(target("BERM_DRILL_RECORD"), O_RDONLY); }
int create_in_usr() { return create("/usr/berm-probe"); }
int create_in_usr_bin() { return create("/usr/bin/berm-probe"); }
int create_in_etc() { return create("/etc/berm-probe"); }
int create_in_root() { return create("/berm-probe"); }
int create_in_run() { return create("/run/berm-probe"); }
// To the mode that it has: the control is the host's own.
int chmod_usr() {
  struct stat status {};
  if (::stat("/usr", &status) != 0) return errno;
  return done(::chmod("/usr", status.st_mode & 07777));
}
int chown_usr() { return done(::lchown("/usr", 0, 0)); }
int write_program() { return open_for("/usr/bin/env", O_WRONLY | O_APPEND); }
int replace_program() {
  return done(::rename("/usr/bin/env", "/usr/bin/env")) == 0 ? create("/usr/bin/env.berm") : errno;
}
int link_out() {
  char name[512];
  ::snprintf(name, sizeof name, "%s", scratch("berm-link-XXXXXX"));
  const int fd = ::mkstemp(name);
  ::close(fd);
  ::unlink(name);
  if (::symlink(target("BERM_DRILL_MARKER"), name) != 0) return errno;
  const int error = open_for(name, O_RDONLY);
  ::unlink(name);
  return error;
}
int make_block_device() {
  const int error = done(::mknod(scratch("berm-block"), S_IFBLK | 0600, makedev(7, 0)));
  ::unlink(scratch("berm-block"));
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
  const int fd = ::open(scratch("berm-flags"), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int flags = FS_IMMUTABLE_FL;
  const int error = done(::ioctl(fd, FS_IOC_SETFLAGS, &flags));
  flags = 0;
  ::ioctl(fd, FS_IOC_SETFLAGS, &flags);
  ::close(fd);
  ::unlink(scratch("berm-flags"));
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
  const int fd = ::open(scratch("berm-xattr"), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  const int error = done(::fsetxattr(fd, "trusted.berm", "1", 1, 0));
  ::close(fd);
  ::unlink(scratch("berm-xattr"));
  return error;
}

// clang-format off
constexpr Act kFiles[] = {
    {"see_etc_shadow", "filesystem", ENOENT, outside, see_shadow},
    {"see_root_home", "filesystem", ENOENT, outside, see_root_home},
    {"see_var_log", "filesystem", ENOENT, outside, see_var},
    {"see_sysfs", "filesystem", ENOENT, outside, see_sys},
    {"see_cgroupfs", "filesystem", ENOENT, outside, see_cgroups},
    {"see_var_lib", "filesystem", ENOENT, outside, see_boot_and_host_root},
    {"see_host_file", "filesystem", ENOENT, outside, see_host_marker},
    {"read_host_file", "filesystem", ENOENT, outside, read_host_marker},
    {"write_host_file", "filesystem", ENOENT, outside, write_host_marker},
    {"read_record", "filesystem", ENOENT, outside, read_record},
    {"create_in_usr", "filesystem", EROFS, outside, create_in_usr},
    {"create_in_usr_bin", "filesystem", EROFS, outside, create_in_usr_bin},
    {"create_in_etc", "filesystem", EROFS, outside, create_in_etc},
    {"create_in_root", "filesystem", EROFS, outside, create_in_root},
    {"create_in_run", "filesystem", EROFS, outside, create_in_run},
    {"chmod_usr", "filesystem", EROFS, outside, chmod_usr},
    {"chown_usr", "filesystem", EROFS, namespaces, chown_usr},
    {"write_program", "filesystem", EACCES, outside, write_program},
    {"replace_program", "filesystem", EROFS, outside, replace_program},
    {"follow_link_out", "filesystem", ENOENT, outside, link_out},
    {"make_block_device", "filesystem", EACCES, outside, make_block_device},
    {"make_whiteout", "filesystem", EACCES, outside, make_whiteout_in_workspace},
    {"open_kernel_log_device", "filesystem", ENOENT, outside, open_kernel_log},
    {"open_loop_control", "filesystem", ENOENT, outside, open_disk_control},
    {"open_fuse_device", "filesystem", ENOENT, outside, open_fuse},
    {"see_console_device", "filesystem", ENOENT, outside, open_console},
    {"make_file_immutable", "privileges", EPERM, outside, make_immutable},
    {"open_by_file_handle", "syscalls", EPERM, outside, use_file_handle},
    {"use_inherited_descriptor", "filesystem", EBADF, outside, inherited_descriptor},
    {"set_trusted_xattr", "privileges", EPERM, outside, set_trusted_xattr},
};
// clang-format on

}  // namespace

std::span<const Act> file_acts() { return kFiles; }

}  // namespace berm::drill

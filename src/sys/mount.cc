#include "sys/mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace berm {

Result<UniqueFd> clone_tree(const std::string& path, bool recursive) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0U);
  UniqueFd tree(::open_tree(AT_FDCWD, path.c_str(), flags));
  if (!tree) return os_error(fmt::format("clone the mount at '{}'", path));
  return tree;
}

Result<UniqueFd> make_idmap(const OwnerShift& shift) {
  // A process that only exists until its namespace is held by a descriptor.
  Pipe hold = BERM_TRY(make_pipe());
  const pid_t pid = static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) {
    // As for the sandbox itself: what the host's facts can explain is "unsupported", not "kernel".
    Error error{.code = Errc::unsupported,
                .what = "create a user namespace for id-mapped mounts",
                .os_errno = errno};
    return tl::unexpected(std::move(error));
  }
  if (pid == 0) {
    char ignored = 0;
    ::close(hold.write.get());
    const ssize_t got = ::read(hold.read.get(), &ignored, 1);
    ::_exit(got < 0 ? 1 : 0);
  }
  ChildProcess holder = BERM_TRY(ChildProcess::adopt(pid));
  BERM_TRY(write_knob(fmt::format("/proc/{}/uid_map", pid),
                      fmt::format("{} {} 1", shift.uid, shift.host_uid)));
  BERM_TRY(write_knob(fmt::format("/proc/{}/gid_map", pid),
                      fmt::format("{} {} 1", shift.gid, shift.host_gid)));
  return open_file(fmt::format("/proc/{}/ns/user", pid), O_RDONLY);
}

Result<void> apply_idmap(int tree, int user_namespace) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<unsigned>(user_namespace);
  if (::mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return os_error("map the repository's owner to the run's uid (id-mapped mount)");
  }
  return {};
}

bool can_idmap(const std::string& path) {
  struct statfs file_system {};
  if (::statfs(path.c_str(), &file_system) != 0) return false;
  const auto type = static_cast<std::uint32_t>(file_system.f_type);
  if (type == 0xef53 || type == 0x58465342 || type == 0x9123683e)
    return true;  // ext4, xfs, btrfs: since Linux 5.12 … 5.15
  const Result<UniqueFd> shift = make_idmap({.uid = 0, .gid = 0, .host_uid = 1, .host_gid = 1});
  const Result<UniqueFd> tree = clone_tree(path, false);
  return shift && tree && apply_idmap(tree->get(), shift->get());
}

}  // namespace berm

// Builds the root from nothing. A mount under construction is a descriptor, not a path: nothing is
// visible before its attributes are set, and a half-built tree vanishes with the process.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {
namespace {

using wire::Instruction;
using wire::Op;

int set_attributes(int tree, std::uint64_t attributes) {
  mount_attr wanted{};
  wanted.attr_set = attributes;
  return ::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof wanted) == 0
             ? 0
             : errno;
}

// Opens `path` below the new root without following a single link: a repository may hold a
// symbolic link where a mount point is expected.
int open_target(const Setup& setup, const char* path, int flags) {
  if (*path == '\0') return ::fcntl(setup.root_fd, F_DUPFD_CLOEXEC, 3);
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, setup.root_fd, path, &how, sizeof how));
}

// Creates the parent directories of `path` and returns a descriptor of the last one, with `name`
// set to the last component; -1 with errno.
int open_parent(const Setup& setup, const char* path, const char*& name) {
  int parent = ::fcntl(setup.root_fd, F_DUPFD_CLOEXEC, 3);
  name = path;
  for (const char* slash = ::strchr(name, '/'); slash != nullptr && parent >= 0;
       slash = ::strchr(name, '/')) {
    char part[256];
    const auto length = static_cast<std::size_t>(slash - name);
    if (length >= sizeof part) {
      errno = ENAMETOOLONG;
      ::close(parent);
      return -1;
    }
    ::memcpy(part, name, length);
    part[length] = '\0';
    if (::mkdirat(parent, part, 0755) != 0 && errno != EEXIST && errno != EROFS) {
      const int error = errno;
      ::close(parent);
      errno = error;
      return -1;
    }
    const int next = ::openat(parent, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int error = errno;
    ::close(parent);
    errno = error;
    parent = next;
    name = slash + 1;
  }
  return parent;
}

int make_directory(const Setup& setup, const char* path, mode_t mode) {
  if (*path == '\0') return 0;
  const char* name = nullptr;
  const int parent = open_parent(setup, path, name);
  if (parent < 0) return errno;
  int error = ::mkdirat(parent, name, 0700) == 0 ? 0 : errno;
  if (error == 0 && ::fchmodat(parent, name, mode, 0) != 0) error = errno;  // past the umask
  ::close(parent);
  return error == EEXIST || error == EROFS ? 0 : error;
}

int make_file(const Setup& setup, const char* path, mode_t mode, std::span<const char> content) {
  const char* name = nullptr;
  const int parent = open_parent(setup, path, name);
  if (parent < 0) return errno;
  const int fd = ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int error = fd < 0 ? errno : 0;
  ::close(parent);
  if (fd < 0) return error;
  while (!content.empty() && error == 0) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      error = errno;
    } else {
      content = content.subspan(static_cast<std::size_t>(written));
    }
  }
  if (error == 0 && ::fchmod(fd, mode) != 0) error = errno;
  ::close(fd);
  return error;
}

int make_node(const Setup& setup, const Instruction& op, const char* source, const char* target) {
  const char* name = nullptr;
  const int parent = open_parent(setup, target, name);
  if (parent < 0) return errno;
  const int done = op.op == Op::symlink ? ::symlinkat(source, parent, name)
                                        : ::mknodat(parent, name, S_IFCHR, makedev(0, 0));
  const int error = done == 0 ? 0 : errno;
  ::close(parent);
  return error;
}

// Attaches a detached mount at `target`, making the mount point if it is not there.
int place(const Setup& setup, int tree, const char* target) {
  struct stat status {};
  if (::fstat(tree, &status) != 0) return errno;
  int where = open_target(setup, target, O_PATH);
  if (where < 0 && errno == ENOENT) {
    const int error = S_ISDIR(status.st_mode) ? make_directory(setup, target, 0755)
                                              : make_file(setup, target, 0644, {});
    if (error != 0) return error;
    where = open_target(setup, target, O_PATH);
  }
  if (where < 0) return errno;
  const int moved =
      ::move_mount(tree, "", where, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  const int error = moved == 0 ? 0 : errno;
  ::close(where);
  return error;
}

int place_and_close(const Setup& setup, int tree, const char* target) {
  const int error = place(setup, tree, target);
  ::close(tree);
  return error;
}

int bind(const Setup& setup, const Instruction& op, const char* source, const char* target) {
  int tree = -1;
  if (op.slot != wire::kNoSlot) {
    tree = wire::kFirstTreeFd + static_cast<int>(op.slot);
  } else {
    tree = ::open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  }
  if (tree < 0) return errno == ENOENT && (op.flags & wire::kOptional) != 0 ? 0 : errno;
  const int error = set_attributes(tree, op.attributes);
  if (error != 0) {
    ::close(tree);
    return error;
  }
  return place_and_close(setup, tree, target);
}

// fsopen + fsconfig + fsmount. `options` is a list of key, value pairs, ending in nullptr; a key
// whose value is nullptr is a flag.
int new_filesystem(const char* type, const char* const* options, std::uint64_t attributes) {
  const int context = ::fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int failed = 0;
  for (; *options != nullptr && failed == 0; options += 2) {
    failed = options[1] == nullptr
                 ? ::fsconfig(context, FSCONFIG_SET_FLAG, options[0], nullptr, 0)
                 : ::fsconfig(context, FSCONFIG_SET_STRING, options[0], options[1], 0);
  }
  if (failed == 0) failed = ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  const int mounted =
      failed == 0 ? ::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)) : -1;
  const int error = errno;
  ::close(context);
  errno = error;
  return mounted;
}

int new_tmpfs(std::uint64_t size, std::uint32_t mode, std::uint64_t attributes) {
  char size_text[32];
  char mode_text[16];
  char inodes_text[32];
  ::snprintf(size_text, sizeof size_text, "%llu", static_cast<unsigned long long>(size));
  ::snprintf(mode_text, sizeof mode_text, "%o", mode);
  // A million empty files cost kernel memory without costing a byte of size=.
  ::snprintf(inodes_text, sizeof inodes_text, "%llu",
             static_cast<unsigned long long>(size / 4096 + 1024));
  const char* const options[] = {"size",      size_text,   "mode", mode_text,
                                 "nr_inodes", inodes_text, nullptr};
  return new_filesystem("tmpfs", options, attributes);
}

int new_overlay(const Setup& setup, const char* lower, std::uint64_t attributes) {
  // Layer paths are relative to the new root: no host path, whose ':' and ',' would need quoting.
  if (::fchdir(setup.root_fd) != 0) return -1;
  // volatile (Linux 5.10): without it unmounting writes the whole upper file system back to disk,
  // which delays the end of every run. What is imported is flushed by the import.
  const char* const options[] = {"lowerdir", lower,           "upperdir",  ".berm/rw/upper",
                                 "workdir",  ".berm/rw/work", "userxattr", nullptr,
                                 "volatile", nullptr,         nullptr};
  return new_filesystem("overlay", options, attributes);
}

int detach(const Setup& setup, const char* target) {
  if (::fchdir(setup.root_fd) != 0 || ::umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
    return errno;
  }
  return ::unlinkat(setup.root_fd, target, AT_REMOVEDIR) == 0 ? 0 : errno;
}

int make_read_only(const Setup& setup, const char* target) {
  const int where = open_target(setup, target, O_PATH);
  if (where < 0) return errno;
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_RDONLY;
  const int error =
      ::mount_setattr(where, "", AT_EMPTY_PATH, &wanted, sizeof wanted) == 0 ? 0 : errno;
  ::close(where);
  return error;
}

int mount_proc(Setup& setup, const char* target, std::uint64_t attributes) {
  const char* const none[] = {nullptr};
  // Writable while we hold its descriptor (limit_namespaces), read-only where the agent sees it.
  const int tree = new_filesystem("proc", none, attributes);
  if (tree < 0) return errno;
  setup.proc_fd = ::openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (setup.proc_fd < 0) return errno;
  return place_and_close(setup, tree, target);
}

int mount_devpts(const Setup& setup, const char* target, std::uint64_t attributes) {
  const char* const options[] = {"newinstance", nullptr, "ptmxmode", "0666",
                                 "mode",        "0620",  nullptr};
  const int tree = new_filesystem("devpts", options, attributes);
  return tree < 0 ? errno : place_and_close(setup, tree, target);
}

// A file over whatever `target` leads to, links followed as a program inside would follow them: a
// link cannot be mounted over, and what it leads to has other names.
int cover(const Setup& setup, const char* source, const char* target, std::uint64_t attributes) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const int where =
      static_cast<int>(::syscall(SYS_openat2, setup.root_fd, target, &how, sizeof how));
  // Where we cannot go, with the agent's identity, nothing of the agent's can.
  if (where < 0) return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : errno;
  const int tree = ::open_tree(setup.root_fd, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  struct stat there {};
  struct stat ours {};
  int error = tree < 0 || ::fstat(where, &there) != 0 || ::fstat(tree, &ours) != 0 ? errno : 0;
  const bool covered =
      there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;  // /bin, /usr/bin
  if (error == 0 && !covered) {
    error = set_attributes(tree, attributes);
    if (error == 0 &&
        ::move_mount(tree, "", where, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
      error = errno;
    }
  }
  if (tree >= 0) ::close(tree);
  ::close(where);
  return error;
}

int execute(Setup& setup, const Instruction& op) {
  const char* source = setup.program.string(op.source);
  const char* target = setup.program.string(op.target);
  switch (op.op) {
    case Op::bind:
      return bind(setup, op, source, target);
    case Op::tmpfs: {
      const int tree = new_tmpfs(op.size, op.mode, op.attributes);
      if (tree < 0) return errno;
      if ((op.flags & wire::kWatched) == 0 || setup.watched_count == 8) {
        return place_and_close(setup, tree, target);
      }
      setup.watched[setup.watched_count++] = tree;
      return place(setup, tree, target);
    }
    case Op::proc:
      return mount_proc(setup, target, op.attributes);
    case Op::devpts:
      return mount_devpts(setup, target, op.attributes);
    case Op::directory:
      return make_directory(setup, target, op.mode);
    case Op::file:
      return make_file(setup, target, op.mode, setup.program.bytes(op.source, op.size));
    case Op::symlink:
    case Op::whiteout:
      return make_node(setup, op, source, target);
    case Op::overlay: {
      const int tree = new_overlay(setup, source, op.attributes);
      if (tree < 0) return errno;
      char go = 0;
      // Not before what lies below it: a mount at /tmp that came later would bury a workspace in
      // /tmp.
      if (setup.place_after >= 0 && ::read(setup.place_after, &go, 1) != 1) return ECANCELED;
      return place_and_close(setup, tree, target);
    }
    case Op::detach:
      return detach(setup, target);
    case Op::read_only:
      return make_read_only(setup, target);
    case Op::socket:
      return make_socket(setup, target);
    case Op::cover:
      return cover(setup, source, target, op.attributes);
  }
  return EINVAL;
}

struct Range {
  std::size_t begin;
  std::size_t end;
};

// The instructions that assemble the workspace's overlay, from its scaffold to the scaffold's end;
// empty if there is none. Making it is half of all the building (it makes and renames files on a
// real disk): a second process does that meanwhile. Attaching it stays in its turn.
Range overlay_group(const Setup& setup, std::span<const Instruction> instructions) {
  Range range{instructions.size(), instructions.size()};
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const bool scaffold = ::strcmp(setup.program.string(instructions[i].target), ".berm") == 0;
    if (scaffold && instructions[i].op == Op::tmpfs) range.begin = i;
    if (scaffold && instructions[i].op == Op::detach) return {range.begin, i + 1};
  }
  return {instructions.size(), instructions.size()};
}

int execute_range(Setup& setup, std::span<const Instruction> instructions, Range range) {
  for (std::size_t i = range.begin; i < range.end; ++i) {
    const int error = execute(setup, instructions[i]);
    if (error == 0) continue;
    setup.failed_at = static_cast<int>(i);
    return error;
  }
  return 0;
}

int hand_out_watched(Setup& setup) {
  if (setup.watched_count == 0) return 0;
  const int error = send_message({wire::MessageKind::scratch, wire::Step::build_root, 0, 0},
                                 setup.watched, setup.watched_count);
  for (int i = 0; i < setup.watched_count; ++i) ::close(setup.watched[i]);
  return error;
}

int wait_for_builder(pid_t builder) {
  int status = 0;
  while (::waitpid(builder, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

}  // namespace

// Bound from within its directory: a socket's name is at most 108 bytes, and is looked up with
// links.
int make_socket(Setup& setup, const char* target) {
  const char* name = nullptr;
  const int parent = open_parent(setup, target, name);
  if (parent < 0) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  constexpr int kBacklog = 1024;
  const bool fits = ::strlen(name) < sizeof address.sun_path;
  if (fits) ::strcpy(address.sun_path, name);
  const bool listens =
      fd >= 0 && fits && ::fchdir(parent) == 0 &&
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(fd, kBacklog) == 0;
  const int error = listens ? 0 : errno;
  ::close(parent);
  if (listens) {
    setup.tool_socket = fd;
  } else if (fd >= 0) {
    ::close(fd);
  }
  return error;
}

int make_mounts_private(Setup&) {
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
}

int build_root(Setup& setup) {
  ::umask(0);
  setup.root_fd = new_tmpfs(8 << 20, 0755, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (setup.root_fd < 0) return errno;
  // On top of "/": the only directory that is sure to exist. Host paths keep working, because a
  // process's root is a (mount, directory) pair that a later mount on top does not change.
  if (::move_mount(setup.root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0) return errno;
  const auto instructions = setup.program.slice<Instruction>(setup.program.header().instructions);
  const Range overlay = overlay_group(setup, instructions);
  int turn[2] = {-1, -1};
  pid_t builder = 0;
  if (overlay.begin != overlay.end) {
    if (::pipe2(turn, O_CLOEXEC) != 0) return errno;
    builder = ::fork();
    if (builder < 0) return errno;
    if (builder == 0) {
      ::close(turn[1]);
      setup.place_after = turn[0];
      ::_exit(execute_range(setup, instructions, overlay));
    }
    ::close(turn[0]);
  }
  const int before = execute_range(setup, instructions, {0, overlay.begin});
  if (before != 0) return before;
  if (builder > 0) {
    [[maybe_unused]] const ssize_t wrote =
        ::write(turn[1], "", 1);  // a builder that failed says so by its status
    ::close(turn[1]);
    const int beside = wait_for_builder(builder);
    setup.failed_at =
        static_cast<int>(overlay.end) - 2;  // the overlay itself; its layers are plain binds
    if (beside != 0) return beside;
    setup.failed_at = -1;
  }
  const int after = execute_range(setup, instructions, {overlay.end, instructions.size()});
  if (after != 0) return after;
  ::umask(022);
  return hand_out_watched(setup);
}

int populate_root(Setup& setup) {
  ::umask(0);
  setup.root_fd = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (setup.root_fd < 0) return errno;
  const auto instructions = setup.program.slice<Instruction>(setup.program.header().instructions);
  int error = 0;
  for (std::size_t i = 0; i < instructions.size() && error == 0; ++i) {
    setup.failed_at = static_cast<int>(i);
    if (instructions[i].op != Op::tmpfs) {
      error = execute(setup, instructions[i]);
      continue;
    }
    const int mounted =
        open_target(setup, setup.program.string(instructions[i].target), O_PATH | O_DIRECTORY);
    if (mounted < 0) return errno;
    if (setup.watched_count < 8) setup.watched[setup.watched_count++] = mounted;
  }
  ::umask(022);
  ::close(setup.root_fd);
  if (error != 0) return error;
  setup.failed_at = -1;
  return hand_out_watched(setup);
}

int pivot_root(Setup& setup) {
  if (::fchdir(setup.root_fd) != 0) return errno;
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up under the new one, then goes.
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (::umount2(".", MNT_DETACH) != 0) return errno;
  if (::chdir("/") != 0) return errno;
  ::close(setup.root_fd);
  setup.root_fd = -1;
  return 0;
}

}  // namespace berm::init

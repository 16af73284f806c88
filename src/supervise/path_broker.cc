#include "supervise/path_broker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sys/process_memory.h"

namespace berm {
namespace {

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

using Times = std::array<timespec, 2>;

// What a call asks for, in one form for all its spellings.
struct Wanted {
  int base = AT_FDCWD;
  std::uint64_t path = 0;  ///< in the caller's memory; 0 = `base` itself
  bool follow = true;
  bool itself = false;  ///< `base` is the object
  std::optional<mode_t> mode;
  std::optional<std::uint64_t> times;  ///< in the caller's memory; 0 = now
  int time_unit = 1;                   ///< nanoseconds in a unit of the second word of a time
  bool whole_seconds = false;          ///< struct utimbuf
  std::optional<std::uint32_t> watch;  ///< mask of inotify_add_watch(2)
  int watcher = -1;
};

Wanted read_modes(const seccomp_notif& call) {
  const auto& args = call.data.args;
  Wanted out;
  switch (call.data.nr) {
#ifdef SYS_chmod
    case SYS_chmod:
      out.path = args[0];
      out.mode = static_cast<mode_t>(args[1]);
      break;
#endif
    case SYS_fchmod:
      out.base = static_cast<int>(args[0]);
      out.itself = true;
      out.mode = static_cast<mode_t>(args[1]);
      break;
    default:  // fchmodat, fchmodat2
      out.base = static_cast<int>(args[0]);
      out.path = args[1];
      out.mode = static_cast<mode_t>(args[2]);
      if (call.data.nr == SYS_fchmodat2) out.follow = (args[3] & AT_SYMLINK_NOFOLLOW) == 0;
  }
  return out;
}

Wanted read_times(const seccomp_notif& call) {
  const auto& args = call.data.args;
  Wanted out;
  constexpr int kMicroseconds = 1000;
  switch (call.data.nr) {
#ifdef SYS_utime
    case SYS_utime:
      out.path = args[0];
      out.times = args[1];
      out.whole_seconds = true;
      break;
#endif
#ifdef SYS_utimes
    case SYS_utimes:
      out.path = args[0];
      out.times = args[1];
      out.time_unit = kMicroseconds;
      break;
#endif
#ifdef SYS_futimesat
    case SYS_futimesat:
      out.base = static_cast<int>(args[0]);
      out.path = args[1];
      out.times = args[2];
      out.time_unit = kMicroseconds;
      break;
#endif
    default:  // utimensat
      out.base = static_cast<int>(args[0]);
      out.path = args[1];
      out.times = args[2];
      out.follow = (args[3] & AT_SYMLINK_NOFOLLOW) == 0;
      out.itself = args[1] == 0 || (args[3] & AT_EMPTY_PATH) != 0;
  }
  return out;
}

Wanted read_call(const seccomp_notif& call) {
  switch (call.data.nr) {
    case SYS_inotify_add_watch: {
      Wanted out;
      out.watcher = static_cast<int>(call.data.args[0]);
      out.path = call.data.args[1];
      out.watch = static_cast<std::uint32_t>(call.data.args[2]);
      out.follow = (*out.watch & IN_DONT_FOLLOW) == 0;
      return out;
    }
    case SYS_utimensat:
#ifdef SYS_utime
    case SYS_utime:
    case SYS_utimes:
    case SYS_futimesat:
#endif
      return read_times(call);
    default:
      return read_modes(call);
  }
}

// A path in the caller's memory. A page at a time: what lies behind its end may not be mapped.
int read_path(pid_t pid, std::uint64_t at, std::string& out) {
  while (out.size() < PATH_MAX) {
    std::array<char, kPage> bytes{};
    const std::size_t room = kPage - at % kPage;
    if (!read_memory(pid, at, bytes.data(), room)) return EFAULT;
    const std::size_t length = ::strnlen(bytes.data(), room);
    out.append(bytes.data(), length);
    if (length < room) return out.size() < PATH_MAX ? 0 : ENAMETOOLONG;
    at += room;
  }
  return ENAMETOOLONG;
}

int read_timestamps(pid_t pid, const Wanted& wanted, std::optional<Times>& out) {
  if (!wanted.times || *wanted.times == 0) return 0;
  std::array<std::int64_t, 4> words{};
  const std::size_t size = wanted.whole_seconds ? 2 * sizeof words[0] : sizeof words;
  if (!read_memory(pid, *wanted.times, words.data(), size)) return EFAULT;
  if (wanted.whole_seconds) {
    out = Times{timespec{words[0], 0}, timespec{words[1], 0}};
  } else {
    out = Times{timespec{words[0], words[1] * wanted.time_unit},
                timespec{words[2], words[3] * wanted.time_unit}};
  }
  return 0;
}

// The last step not through a link.
int resolve_link_itself(const RunRoot& root, const SeenProcess& process, int base,
                        const std::string& path, UniqueFd& object) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") {
    return root.resolve(process, base, path, object);
  }
  UniqueFd parent;
  const std::string above = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (const int error = root.resolve(process, base, above, parent); error != 0) return error;
  object = UniqueFd(::openat(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return object ? 0 : errno;
}

int resolve(const RunRoot& root, const SeenProcess& process, const Wanted& wanted,
            UniqueFd& object) {
  if (wanted.itself) {
    object = RunDescriptors::object(process.tid(), wanted.base);
    return object ? 0 : EBADF;
  }
  std::string path;
  if (const int error = read_path(process.tid(), wanted.path, path); error != 0) return error;
  if (path.empty()) return ENOENT;
  return wanted.follow ? root.resolve(process, wanted.base, path, object)
                       : resolve_link_itself(root, process, wanted.base, path, object);
}

}  // namespace

bool PathBroker::handles(int number) {
  switch (number) {
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_fchmodat2:
    case SYS_utimensat:
    case SYS_inotify_add_watch:
#ifdef SYS_chmod
    case SYS_chmod:
    case SYS_utime:
    case SYS_utimes:
    case SYS_futimesat:
#endif
      return true;
    default:
      return false;
  }
}

bool PathBroker::is_own(int fd) const {
  const std::string path = path_of(fd);
  return std::ranges::any_of(directories_, [&](const std::string& directory) {
    return path == directory || path.starts_with(directory + "/");
  });
}

PathBroker::Answer PathBroker::serve(const seccomp_notif& notification, const RunRoot& root,
                                     const std::function<bool()>& still_waits) const {
  const SeenProcess process(static_cast<pid_t>(notification.pid));
  const Wanted wanted = read_call(notification);
  UniqueFd object;
  if (const int error = resolve(root, process, wanted, object); error != 0) return {error};
  std::optional<Times> times;
  if (const int error = read_timestamps(process.tid(), wanted, times); error != 0) return {error};
  const UniqueFd watcher =
      wanted.watch ? descriptors_.watcher(process.tid(), wanted.watcher) : UniqueFd();
  const int unwatched = errno;
  if (!still_waits()) return {ESRCH};
  if (!is_own(object.get())) return {EACCES};
  const std::string through = fmt::format("/proc/self/fd/{}", object.get());
  if (wanted.watch) {
    if (!watcher) return {unwatched == ENOSYS ? ENOSYS : EBADF};
    const int made = ::inotify_add_watch(watcher.get(), through.c_str(),
                                         *wanted.watch & ~std::uint32_t{IN_DONT_FOLLOW});
    return made >= 0 ? Answer{0, made} : Answer{errno};
  }
  if (wanted.mode) {
    struct stat status {};
    if (::fstat(object.get(), &status) != 0) return {errno};
    if (S_ISLNK(status.st_mode)) return {EOPNOTSUPP};
    return {::chmod(through.c_str(), *wanted.mode) == 0 ? 0 : errno};
  }
  const timespec* at = times ? times->data() : nullptr;
  return {::utimensat(object.get(), "", at, AT_EMPTY_PATH) == 0 ? 0 : errno};
}

}  // namespace berm

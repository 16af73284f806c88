#include "supervise/run_root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>

namespace berm {
namespace {

// Not in Debian 12's headers: pidfds of threads (Linux 6.9) and what they tell (6.13).
constexpr unsigned kPidfdThread = O_EXCL;
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t pid;
  std::uint32_t tgid;
  std::uint32_t ppid;
  std::uint32_t identities[8];
  std::int32_t exit_code;
};
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
static_assert(sizeof(PidfdInfo) == 64);

constexpr int kMostLinks = 40;  // as the kernel (MAXSYMLINKS)

UniqueFd open_path(int directory, const char* name, int flags) {
  return UniqueFd(::openat(directory, name, O_PATH | O_CLOEXEC | flags));
}

std::string read_link(int directory, const char* name) {
  std::array<char, PATH_MAX> text;
  const ssize_t got = ::readlinkat(directory, name, text.data(), text.size());
  return got <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(got));
}

bool is_proc(int fd) {
  struct statfs file_system {};
  return ::fstatfs(fd, &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC;
}

std::string read_status(const SeenProcess& process) {
  const UniqueFd fd(::open(process.proc("status").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text;
  const ssize_t got = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  return got <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(got));
}

// The last number of the line that begins with `key`: of "NSpid:\t812\t5" the one in the innermost
// namespace.
std::string last_number(const std::string& status, std::string_view key) {
  const std::size_t at = status.find(key);
  if (at == std::string::npos) return "";
  const std::string line = status.substr(at, status.find('\n', at + 1) - at);
  return line.substr(line.find_last_of("\t ") + 1);
}

pid_t to_pid(const std::string& text) {
  pid_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

// "/proc/self" is whoever asks, and we have no number in there: its target is written out.
std::string target_of_self(const SeenProcess& process, std::string_view name) {
  const std::string status = read_status(process);
  const std::string pid = last_number(status, "\nNStgid:");
  if (name == "self") return pid;
  return fmt::format("{}/task/{}", pid, last_number(status, "\nNSpid:"));
}

}  // namespace

std::string SeenProcess::proc(std::string_view name) const {
  return fmt::format("/proc/{}/{}", tid_, name);
}

std::string SeenProcess::cwd() const { return read_link(AT_FDCWD, proc("cwd").c_str()); }

SeenProcess::Numbers SeenProcess::numbers() const {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, tid_, kPidfdThread)));
  PidfdInfo info{.mask = 1};  // PIDFD_INFO_PID
  if (pidfd && ::ioctl(pidfd.get(), kPidfdGetInfo, &info) == 0 && info.tgid != 0) {
    return {static_cast<pid_t>(info.tgid), static_cast<pid_t>(info.ppid)};
  }
  const std::string status = read_status(*this);
  return {to_pid(last_number(status, "\nTgid:")), to_pid(last_number(status, "\nPPid:"))};
}

std::string path_of(int fd) {
  return read_link(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd).c_str());
}

Result<RunRoot> RunRoot::open(pid_t init) {
  RunRoot root;
  root.fd_ = open_path(AT_FDCWD, fmt::format("/proc/{}/root", init).c_str(), O_DIRECTORY);
  if (!root.fd_ || ::fstat(root.fd_.get(), &root.status_) != 0)
    return os_error("see the run's root");
  return root;
}

bool RunRoot::is_root(int fd) const {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_dev == status_.st_dev &&
         status.st_ino == status_.st_ino;
}

int RunRoot::resolve(const SeenProcess& process, int base, const std::string& path,
                     UniqueFd& object) const {
  UniqueFd from;
  open_how how{.flags = O_PATH | O_CLOEXEC, .mode = 0, .resolve = RESOLVE_IN_ROOT};
  if (!path.starts_with('/')) {
    const std::string name = base == AT_FDCWD ? "cwd" : fmt::format("fd/{}", base);
    from = open_path(AT_FDCWD, process.proc(name).c_str(), 0);
    if (!from) return base == AT_FDCWD ? errno : EBADF;
    if (path.empty()) {
      object = std::move(from);
      return 0;
    }
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  }
  const int start = from ? from.get() : fd_.get();
  object =
      UniqueFd(static_cast<int>(::syscall(SYS_openat2, start, path.c_str(), &how, sizeof how)));
  if (object) return 0;
  // A way up, a link to an absolute path, a way through /proc/self: step by step.
  if (errno != EXDEV && errno != ELOOP && errno != EAGAIN && errno != ENOENT) return errno;
  return walk(process, UniqueFd(::fcntl(start, F_DUPFD_CLOEXEC, 0)), path, object);
}

int RunRoot::walk(const SeenProcess& process, UniqueFd from, std::string rest,
                  UniqueFd& object) const {
  int links = 0;
  while (from && !rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string name = rest.substr(0, slash);
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
    if (name.empty() || name == "." || (name == ".." && is_root(from.get()))) continue;
    UniqueFd next = open_path(from.get(), name.c_str(), O_NOFOLLOW);
    struct stat status {};
    if (!next || ::fstat(next.get(), &status) != 0) return errno;
    if (!S_ISLNK(status.st_mode)) {
      from = std::move(next);
      continue;
    }
    if (++links > kMostLinks || rest.size() > PATH_MAX) return ELOOP;
    std::string target;
    if (!is_proc(next.get())) {
      target = read_link(next.get(), "");
    } else if (name == "self" || name == "thread-self") {
      target = target_of_self(process, name);
    } else {
      from = open_path(from.get(), name.c_str(), 0);  // no text: it leads to the object itself
      continue;
    }
    if (target.empty()) return ENOENT;
    if (target.starts_with('/')) from = UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
    rest = rest.empty() ? target : target + "/" + rest;
  }
  if (!from) return errno;
  object = std::move(from);
  return 0;
}

}  // namespace berm

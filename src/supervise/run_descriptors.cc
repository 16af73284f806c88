#include "supervise/run_descriptors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "supervise/run_root.h"
#include "sys/borrow.h"

namespace berm {
namespace {

// More than any program has on its way to somewhere; far less than the descriptors of a process.
constexpr std::size_t kMostMade = 256;

// A thread's table is its process', unless it has asked for one of its own (clone(2) without
// CLONE_FILES): then another of the run's own descriptors is taken, and no harm done.
UniqueFd borrow(pid_t tid, int number) {
  return borrow_descriptor(SeenProcess(tid).numbers().pid, number);
}

ino_t inode_of(const UniqueFd& fd) {
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 ? status.st_ino : 0;
}

// Sockets that other processes have open, as far as we may look: all those of the run are.
std::set<ino_t> open_elsewhere() {
  namespace fs = std::filesystem;
  std::set<ino_t> out;
  std::error_code ignored;
  const fs::path self = fmt::format("/proc/{}", ::getpid());
  for (const fs::directory_entry& process : fs::directory_iterator("/proc", ignored)) {
    const std::string name = process.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos || process.path() == self)
      continue;
    for (fs::directory_iterator at(process.path() / "fd", ignored), end; at != end;
         at.increment(ignored)) {
      const std::string target = fs::read_symlink(at->path(), ignored);
      constexpr std::string_view kSocket = "socket:[";
      if (!target.starts_with(kSocket)) continue;
      ino_t inode = 0;
      std::from_chars(target.data() + kSocket.size(), target.data() + target.size(), inode);
      out.insert(inode);
    }
  }
  return out;
}

}  // namespace

RunDescriptors::RunDescriptors() : borrows_(borrowing_error() == 0) {}

RunDescriptors::Made RunDescriptors::make_socket(const seccomp_notif& notification, int listener) {
  if (borrows_) return {};
  if (made_.size() >= kMostMade) drop_closed();
  if (made_.size() >= kMostMade) return {.error = ENFILE, .by_caller = false};
  // The arguments lie in registers, and the filter has judged them: they are what it saw.
  const auto& args = notification.data.args;
  const auto type = static_cast<int>(args[1]);
  UniqueFd socket(
      ::socket(static_cast<int>(args[0]), type | SOCK_CLOEXEC, static_cast<int>(args[2])));
  if (!socket) return {.error = errno, .by_caller = false};
  seccomp_notif_addfd given{};
  given.id = notification.id;
  given.flags = SECCOMP_ADDFD_FLAG_SEND;  // given and answered at once (Linux 5.14)
  given.srcfd = static_cast<std::uint32_t>(socket.get());
  given.newfd_flags = (type & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &given) < 0)
    return {.error = errno, .by_caller = false};
  made_.insert_or_assign(inode_of(socket), std::move(socket));
  return {.error = 0, .by_caller = false};
}

UniqueFd RunDescriptors::socket(pid_t tid, int number) const {
  if (borrows_) return borrow(tid, number);
  struct stat status {};
  const std::string at = SeenProcess(tid).proc(fmt::format("fd/{}", number));
  if (::stat(at.c_str(), &status) != 0) {
    errno = EBADF;
    return {};
  }
  const auto found = S_ISSOCK(status.st_mode) ? made_.find(status.st_ino) : made_.end();
  if (found != made_.end()) {
    return UniqueFd(::fcntl(found->second.get(), F_DUPFD_CLOEXEC, 0));
  }
  errno = S_ISSOCK(status.st_mode) ? EISCONN : ENOTSOCK;
  return {};
}

UniqueFd RunDescriptors::watcher(pid_t tid, int number) const {
  if (borrows_) return borrow(tid, number);
  errno = ENOSYS;
  return {};
}

UniqueFd RunDescriptors::object(pid_t tid, int number) {
  const std::string at = SeenProcess(tid).proc(fmt::format("fd/{}", number));
  return UniqueFd(::open(at.c_str(), O_PATH | O_CLOEXEC));
}

void RunDescriptors::forget(const UniqueFd& socket) { made_.erase(inode_of(socket)); }

void RunDescriptors::drop_closed() {
  if (made_.empty()) return;
  const std::set<ino_t> open = open_elsewhere();
  std::erase_if(made_, [&](const auto& one) { return !open.contains(one.first); });
}

}  // namespace berm

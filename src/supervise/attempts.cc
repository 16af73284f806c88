#include "supervise/attempts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/ip.h"
#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

// Not in Debian 12's headers (Linux 6.6): wake the waiting thread on this processor.
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, __u64);
constexpr unsigned long kSyncWakeUp = 1;

constexpr std::size_t kMostTold = 512;

/// What goes through the pipe: whole or not at all (less than PIPE_BUF).
struct Attempt {
  pid_t pid = 0;
  int call = 0;
  std::uint16_t port = 0;
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};
  char executable[240] = {};
};
static_assert(sizeof(Attempt) < 4096);

bool read_memory(pid_t pid, std::uint64_t from, void* to, std::size_t size) {
  const iovec local{to, size};
  const iovec remote{reinterpret_cast<void*>(from), size};
  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

// Where the call's address lies and how long it says it is; false if it has none.
bool locate_address(const seccomp_notif& notification, std::uint64_t& at, std::uint64_t& size) {
  const auto pid = static_cast<pid_t>(notification.pid);
  const auto& args = notification.data.args;
  if (notification.data.nr == SYS_connect) {
    at = args[1];
    size = static_cast<std::uint32_t>(args[2]);  // the kernel reads an int
  } else if (notification.data.nr == SYS_sendto) {
    at = args[4];
    size = static_cast<std::uint32_t>(args[5]);
  } else {
    msghdr header{};
    if (!read_memory(pid, args[1], &header, sizeof header)) return false;
    at = reinterpret_cast<std::uint64_t>(header.msg_name);
    size = header.msg_namelen;
  }
  return at != 0;
}

bool read_attempt(const seccomp_notif& notification, Attempt& attempt) {
  const auto pid = static_cast<pid_t>(notification.pid);
  std::uint64_t at = 0;
  std::uint64_t size = 0;
  if (!locate_address(notification, at, size)) return false;
  sockaddr_in6 address{};  // the larger of the two
  const std::size_t length = std::min<std::uint64_t>(size, sizeof address);
  if (length < sizeof(sockaddr_in) || !read_memory(pid, at, &address, length)) return false;
  if (address.sin6_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    attempt.port = ntohs(v4.sin_port);
    std::memcpy(attempt.address.data(), &v4.sin_addr, 4);
    if (attempt.address[0] == 127) return false;  // the proxies, and what the agent serves itself
  } else if (address.sin6_family == AF_INET6 && length >= 24) {  // SIN6_LEN_RFC2133
    attempt.v6 = true;
    attempt.port = ntohs(address.sin6_port);
    std::memcpy(attempt.address.data(), &address.sin6_addr, 16);
    if (IN6_IS_ADDR_LOOPBACK(&address.sin6_addr)) return false;
  } else {
    return false;
  }
  attempt.pid = pid;
  attempt.call = notification.data.nr;
  const std::string link = fmt::format("/proc/{}/exe", pid);
  const ssize_t got = ::readlink(link.c_str(), attempt.executable, sizeof attempt.executable - 1);
  if (got < 0) attempt.executable[0] = '\0';
  return true;
}

std::string_view name_of_call(int number) {
  if (number == SYS_connect) return "connect";
  return number == SYS_sendto ? "sendto" : "sendmsg";
}

}  // namespace

Result<void> AttemptWatch::start(UniqueFd notifications) {
  Pipe pipe = BERM_TRY(make_pipe());
  ::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  if (!stop_) return os_error("watch connections");
  notifications_ = std::move(notifications);
  ::ioctl(notifications_.get(), kSetFlags, kSyncWakeUp);  // older kernels: a little slower
  read_ = std::move(pipe.read);
  write_ = std::move(pipe.write);
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    return os_error("start the thread that watches connections", error.code().value());
  }
  return {};
}

AttemptWatch::~AttemptWatch() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void AttemptWatch::work() {
  for (;;) {
    pollfd fds[2] = {{notifications_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0 || (fds[0].revents & (POLLHUP | POLLERR)) != 0) return;
    seccomp_notif notification{};
    if (::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) continue;
    Attempt attempt;
    const bool meant = read_attempt(notification, attempt);
    // The pid may be somebody else's by now: then what was read is nobody's attempt.
    const bool valid =
        ::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &notification.id) == 0;
    seccomp_notif_resp answer{};
    answer.id = notification.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ::ioctl(notifications_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
    if (!meant || !valid) continue;
    [[maybe_unused]] const ssize_t told = ::write(write_.get(), &attempt, sizeof attempt);
  }
}

std::vector<json> AttemptWatch::take() {
  std::vector<json> out;
  Attempt attempt;
  while (::read(read_.get(), &attempt, sizeof attempt) == static_cast<ssize_t>(sizeof attempt)) {
    const IpAddress address{.bytes = attempt.address, .v6 = attempt.v6};
    const std::string text = attempt.v6 ? fmt::format("[{}]:{}", to_text(address), attempt.port)
                                        : fmt::format("{}:{}", to_text(address), attempt.port);
    const std::string key = fmt::format("{} {}", attempt.executable, text);
    if (told_.size() >= kMostTold || !told_.insert(key).second) continue;
    out.push_back({{"address", text},
                   {"call", name_of_call(attempt.call)},
                   {"pid", attempt.pid},
                   {"executable", printable(attempt.executable)}});
  }
  return out;
}

}  // namespace berm

#include "supervise/attempts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "base/text.h"
#include "sys/process_memory.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTold = 512;

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

std::string_view name_of_call(int number) {
  if (number == SYS_connect) return "connect";
  return number == SYS_sendto ? "sendto" : "sendmsg";
}

}  // namespace

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

Result<void> AttemptLog::start() {
  Pipe pipe = BERM_TRY(make_pipe());
  ::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  read_ = std::move(pipe.read);
  write_ = std::move(pipe.write);
  return {};
}

void AttemptLog::add(const Attempt& attempt) {
  [[maybe_unused]] const ssize_t told = ::write(write_.get(), &attempt, sizeof attempt);
}

std::vector<json> AttemptLog::take() {
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

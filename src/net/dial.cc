#include "net/dial.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <memory>

#include "sys/socket_address.h"

namespace berm {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostAddresses = 4;

Result<UniqueFd> dial_one(const IpAddress& address, std::uint16_t port, milliseconds patience) {
  const SocketAddress to = socket_address(address, port);
  UniqueFd fd(
      ::socket(address.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return os_error("make a socket");
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd.get(), to.get(), to.length) == 0) return fd;
  if (errno != EINPROGRESS) return os_error("connect");
  const Deadline deadline = Deadline::in(patience);
  pollfd ready{fd.get(), POLLOUT, 0};
  int polled = 0;
  do {
    polled = ::poll(&ready, 1, static_cast<int>(deadline.left().count()));
  } while (polled < 0 && errno == EINTR);
  if (polled == 0) return os_error("connect", ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return os_error("connect", error);
  return fd;
}

}  // namespace

milliseconds Deadline::left() const {
  return std::max(milliseconds(0),
                  std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()));
}

Result<std::vector<IpAddress>> addresses_of(Resolver& resolver, const std::string& host,
                                            const Deadline& deadline) {
  // Shared: the answer may come after we have gone.
  auto promise = std::make_shared<std::promise<Result<std::vector<IpAddress>>>>();
  auto answer = promise->get_future();
  resolver.resolve(host, [promise](Result<std::vector<IpAddress>> found) {
    promise->set_value(std::move(found));
  });
  if (answer.wait_for(deadline.left()) != std::future_status::ready) {
    return os_error(fmt::format("resolve '{}'", host), ETIMEDOUT);
  }
  return answer.get();
}

Result<UniqueFd> dial(std::vector<IpAddress> addresses, const Destination& to,
                      const Deadline& deadline) {
  if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);
  Error last{.code = Errc::kernel, .what = "connect", .os_errno = EHOSTUNREACH};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto others = static_cast<int>(addresses.size() - i);
    Result<UniqueFd> fd = dial_one(addresses[i], to.port, deadline.left() / others);
    if (fd) return fd;
    last = fd.error();
  }
  last.what = fmt::format("connect to {}", to_text(to));
  return tl::unexpected(last);
}

Result<UniqueFd> listen_at(const Destination& at, bool udp) {
  if (!at.address) return failure(Errc::usage, fmt::format("listen at '{}': no address", at.host));
  const int family = at.address->v6 ? AF_INET6 : AF_INET;
  UniqueFd fd(::socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return os_error("make a listening socket");
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const SocketAddress address = socket_address(*at.address, at.port);
  if (::bind(fd.get(), address.get(), address.length) != 0 ||
      (!udp && ::listen(fd.get(), 4096) != 0)) {
    return os_error(fmt::format("listen at {}", to_text(at)));
  }
  return fd;
}

}  // namespace berm

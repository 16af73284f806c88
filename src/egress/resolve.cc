#include "egress/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

#include <cstring>
#include <memory>

#include "rules/egress/destination.h"

namespace berm {
namespace {

struct Lookup {
  int status = ARES_ETIMEOUT;
  bool done = false;
  std::vector<ResolvedAddress> addresses;
};

void on_answer(void* context, int status, int, ares_addrinfo* answer) {
  auto* lookup = static_cast<Lookup*>(context);
  lookup->status = status;
  lookup->done = true;
  for (const ares_addrinfo_node* node = answer != nullptr ? answer->nodes : nullptr;
       node != nullptr; node = node->ai_next) {
    ResolvedAddress address;
    if (node->ai_addrlen > sizeof address.address) continue;
    std::memcpy(&address.address, node->ai_addr, node->ai_addrlen);
    address.length = static_cast<socklen_t>(node->ai_addrlen);
    lookup->addresses.push_back(address);
  }
  if (answer != nullptr) ares_freeaddrinfo(answer);
}

// Drives one channel until its answer is there.
void wait_for(ares_channel channel, const Lookup& lookup) {
  while (!lookup.done) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int mask = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    pollfd fds[ARES_GETSOCK_MAXNUM];
    nfds_t count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const bool read =
          ARES_GETSOCK_READABLE(static_cast<unsigned>(mask), static_cast<unsigned>(i)) != 0;
      const bool write =
          ARES_GETSOCK_WRITABLE(static_cast<unsigned>(mask), static_cast<unsigned>(i)) != 0;
      if (read || write) {
        fds[count++] = {sockets[i], static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)),
                        0};
      }
    }
    if (count == 0) return;
    timeval limit{5, 0};
    timeval buffer{};
    const timeval* next = ares_timeout(channel, &limit, &buffer);
    const int ready =
        ::poll(fds, count, static_cast<int>(next->tv_sec * 1000 + next->tv_usec / 1000) + 1);
    if (ready <= 0) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (nfds_t i = 0; i < count; ++i) {
      if (fds[i].revents != 0) {
        ares_process_fd(channel, (fds[i].events & POLLIN) != 0 ? fds[i].fd : ARES_SOCKET_BAD,
                        (fds[i].events & POLLOUT) != 0 ? fds[i].fd : ARES_SOCKET_BAD);
      }
    }
  }
}

std::string_view why_forbidden(const ResolvedAddress& address) {
  if (address.address.ss_family == AF_INET) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(&address.address)->sin_addr, 4);
    return forbidden_address(std::span<const std::uint8_t, 4>(bytes));
  }
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&address.address)->sin6_addr,
              16);
  return forbidden_address(std::span<const std::uint8_t, 16>(bytes));
}

}  // namespace

Result<std::vector<ResolvedAddress>> resolve_host(const std::string& host, std::uint16_t port) {
  ares_options options{};
  options.timeout = 2000;
  options.tries = 2;
  options.flags = ARES_FLAG_NOSEARCH;  // the name that was granted, not name.some.search.domain
  ares_channel raw = nullptr;
  if (ares_init_options(&raw, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS) !=
      ARES_SUCCESS) {
    return failure(Errc::internal, "start the resolver");
  }
  const std::unique_ptr<std::remove_pointer_t<ares_channel>, decltype(&ares_destroy)> channel(
      raw, &ares_destroy);
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  Lookup lookup;
  ares_getaddrinfo(raw, host.c_str(), fmt::format("{}", port).c_str(), &hints, on_answer, &lookup);
  wait_for(raw, lookup);
  if (lookup.addresses.empty()) {
    return failure(Errc::kernel,
                   fmt::format("resolve '{}': {}", host, ares_strerror(lookup.status)));
  }
  return lookup.addresses;
}

Result<ResolvedAddress> choose_address(const std::vector<ResolvedAddress>& addresses,
                                       LocalAddresses local) {
  std::string_view reason = "no address";
  for (const ResolvedAddress& address : addresses) {
    reason = why_forbidden(address);
    if (reason.empty() || local == LocalAddresses::allow) return address;
  }
  return failure(Errc::denied, fmt::format("dial a {} address", reason));
}

}  // namespace berm

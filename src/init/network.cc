#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {
namespace {

// A listening socket of the run's own network namespace. Accepting on it from outside gives
// connections of the sandbox, with no relay in between.
int open_listener(const wire::Listener& listener) {
  const int type = listener.udp != 0 ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener.port);
  address.sin_addr.s_addr = htonl(listener.address);
  constexpr int kBacklog = 4096;  // the kernel lowers it to somaxconn
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      (listener.udp != 0 || ::listen(fd, kBacklog) == 0)) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

// Gives lo the first address of the network and its mask. On a loopback interface the kernel then
// takes every address of the network for local (fib_frontend.c, fib_add_ifaddr), so that a
// connection to any of them ends at a socket of ours.
int add_network(int fd, const wire::Route& route, std::size_t index) {
  ifreq request{};
  if (::snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%zu", index) < 0) return EINVAL;
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(route.bits >= 31 ? route.address : route.address + 1);
  if (::ioctl(fd, SIOCSIFADDR, &request) != 0) return errno;
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(route.bits == 0 ? 0 : ~0U << (32 - route.bits));
  return ::ioctl(fd, SIOCSIFNETMASK, &request) == 0 ? 0 : errno;
}

// The judge of tool calls accepts on it from outside.
int hand_out_tool_socket(Setup& setup) {
  if (setup.tool_socket < 0) return 0;
  const int error = send_message({wire::MessageKind::tools, wire::Step::open_listeners, 0, 0},
                                 &setup.tool_socket, 1);
  ::close(setup.tool_socket);
  setup.tool_socket = -1;
  return error;
}

}  // namespace

int raise_loopback(Setup&) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request{};
  ::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const int error = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

int route_networks(Setup& setup) {
  const auto routes = setup.program.slice<wire::Route>(setup.program.header().routes);
  if (routes.empty()) return 0;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = 0;
  for (std::size_t i = 0; i < routes.size() && error == 0; ++i) {
    error = add_network(fd, routes[i], i);
    if (error == 0 || routes[i].optional == 0) continue;
    setup.unrouted = error;
    error = 0;
  }
  ::close(fd);
  return error;
}

int open_listeners(Setup& setup) {
  if (const int error = hand_out_tool_socket(setup); error != 0) return error;
  const auto listeners = setup.program.slice<wire::Listener>(setup.program.header().listeners);
  if (listeners.empty()) return 0;
  if (listeners.size() > wire::kMostFds) return EINVAL;
  int fds[wire::kMostFds];
  int count = 0;
  int error = 0;
  for (const wire::Listener& listener : listeners) {
    const int fd = open_listener(listener);
    if (fd < 0) {
      error = errno;
      setup.failed_at = count;
      break;
    }
    fds[count++] = fd;
  }
  if (error == 0) {
    error = send_message(
        {wire::MessageKind::listeners, wire::Step::open_listeners, count, setup.unrouted}, fds,
        count);
  }
  for (int i = 0; i < count; ++i) ::close(fds[i]);
  return error;
}

}  // namespace berm::init

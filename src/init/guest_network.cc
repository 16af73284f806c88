// The network of a virtual machine: QEMU's user network (slirp), whose sockets are those of the
// sandbox around it, where every address that may be reached leads to egress. 10.0.2.2 is the
// sandbox's loopback, 10.0.2.3 its resolver (QEMU, "Using the user mode network stack").
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/machine.h"
#include "init/machine_wire.h"
#include "init/setup.h"

namespace berm::init {
namespace {

constexpr char kAddress[] = "10.0.2.15";
constexpr char kMask[] = "255.255.255.0";
constexpr char kGateway[] = "10.0.2.2";

sockaddr_in ipv4(const char* address, unsigned short port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &out.sin_addr);
  return out;
}

void put(sockaddr& to, const sockaddr_in& from) { ::memcpy(&to, &from, sizeof from); }

int raise_interface(int fd) {
  ifreq request{};
  ::strcpy(request.ifr_name, "eth0");
  put(request.ifr_addr, ipv4(kAddress, 0));
  if (::ioctl(fd, SIOCSIFADDR, &request) != 0) return errno;
  put(request.ifr_netmask, ipv4(kMask, 0));
  if (::ioctl(fd, SIOCSIFNETMASK, &request) != 0) return errno;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
}

int add_route(int fd, const wire::Route& network) {
  sockaddr_in mask = ipv4("0.0.0.0", 0);
  mask.sin_addr.s_addr = htonl(network.bits == 0 ? 0 : ~0U << (32 - network.bits));
  sockaddr_in to = mask;
  to.sin_addr.s_addr = htonl(network.address) & mask.sin_addr.s_addr;
  rtentry route{};
  put(route.rt_dst, to);
  put(route.rt_genmask, mask);
  put(route.rt_gateway, ipv4(kGateway, 0));
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  return ::ioctl(fd, SIOCADDRT, &route) == 0 ? 0 : errno;
}

int raise_loopback_of_guest(int fd) {
  ifreq loopback{};
  ::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 ? 0 : errno;
}

int relayed_ports(const ProgramView& program, unsigned short (&ports)[wire::kMostFds]) {
  constexpr std::uint32_t kLoopback = 0x7f000001;
  constexpr std::uint16_t kDns = 53;
  int count = 0;
  for (const wire::Listener& one : program.slice<wire::Listener>(program.header().listeners)) {
    if (one.udp != 0 || one.address != kLoopback || one.port == kDns) continue;
    if (count < wire::kMostFds) ports[count++] = one.port;
  }
  return count;
}

// Copies what is there. False when that direction has ended.
bool pass_on(int from, int to) {
  char buffer[16384];
  const ssize_t got = ::read(from, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got > 0) return machine::write_all(to, buffer, static_cast<std::size_t>(got));
  ::shutdown(to, SHUT_WR);
  return false;
}

[[noreturn]] void relay(int agent, unsigned short port) {
  const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = ipv4(kGateway, port);
  if (::connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(1);
  pollfd ends[2] = {{agent, POLLIN, 0}, {out, POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (::poll(ends, 2, -1) < 0 && errno != EINTR) ::_exit(1);
    if (ends[0].revents != 0 && !pass_on(agent, out)) ends[0].fd = -1;
    if (ends[1].revents != 0 && !pass_on(out, agent)) ends[1].fd = -1;
  }
  ::_exit(0);
}

[[noreturn]] void serve(pollfd* listeners, const unsigned short* ports, int count) {
  ::signal(SIGCHLD, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  for (;;) {
    if (::poll(listeners, static_cast<nfds_t>(count), -1) < 0 && errno != EINTR) ::_exit(1);
    for (int i = 0; i < count; ++i) {
      if (listeners[i].revents == 0) continue;
      const int fd = ::accept4(listeners[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0 && ::fork() == 0) relay(fd, ports[i]);
      ::close(fd);
    }
  }
}

int start_relays(const unsigned short* ports, int count) {
  pollfd listeners[wire::kMostFds];
  for (int i = 0; i < count; ++i) {
    const sockaddr_in address = ipv4("127.0.0.1", ports[i]);
    const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(one, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(one, SOMAXCONN) != 0) {
      return errno;
    }
    listeners[i] = {one, POLLIN, 0};
  }
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) serve(listeners, ports, count);
  for (int i = 0; i < count; ++i) ::close(listeners[i].fd);
  return 0;
}

}  // namespace

int set_up_guest_network(const ProgramView& program) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = raise_loopback_of_guest(fd);
  if (error == 0) error = raise_interface(fd);
  for (const wire::Route& route : program.slice<wire::Route>(program.header().routes)) {
    if (error == 0) error = add_route(fd, route);
  }
  ::close(fd);
  unsigned short ports[wire::kMostFds];
  const int count = error == 0 ? relayed_ports(program, ports) : 0;
  return count == 0 ? error : start_relays(ports, count);
}

}  // namespace berm::init

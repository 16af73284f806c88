#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>

#include "drill/acts/act.h"
#include "drill/acts/calls.h"

namespace berm::drill {
namespace {

using enum Control;

int make_socket(int family, int type, int protocol) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) {
    return errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ? 0
                                                                                         : errno;
  }
  ::close(fd);
  return 0;
}
int packet_socket() { return make_socket(AF_PACKET, SOCK_RAW, 0); }
int raw_socket() { return make_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
int vm_socket() { return make_socket(40 /* AF_VSOCK */, SOCK_STREAM, 0); }
int crypto_socket() { return make_socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0); }
int audit_socket() { return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }
int device_events_socket() { return make_socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT); }
int bluetooth_socket() { return make_socket(31, SOCK_RAW, 1); }
int xdp_socket() { return make_socket(44, SOCK_RAW, 0); }

int connect_to(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &to.sin_addr);
  int error = done(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
  if (error == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    ::poll(&waiting, 1, 2000);
    socklen_t length = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  }
  ::close(fd);
  return error;
}
int send_to(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &to.sin_addr);
  const int error = done(::sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to));
  ::close(fd);
  return error;
}
int connect_unix(const sockaddr_un& address, socklen_t length) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int error = done(::connect(fd, reinterpret_cast<const sockaddr*>(&address), length));
  ::close(fd);
  return error;
}
// The control for addresses that are nobody's to reach: a namespace in which lo has them.
int reach_metadata() { return connect_to("169.254.169.254", 80); }
int reach_anywhere() { return connect_to("192.0.2.1", 443); }
int query_dns() { return send_to("192.0.2.53", 53); }
int query_dns_by_tcp() { return connect_to("192.0.2.53", 53); }
int query_dns_by_tls() { return connect_to("192.0.2.53", 853); }
int reach_host_loopback() { return connect_to("127.0.0.1", number("BERM_DRILL_PORT")); }
int reach_host_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::snprintf(address.sun_path, sizeof address.sun_path, "%s", target("BERM_DRILL_SOCKET"));
  return connect_unix(address, sizeof address);
}
int reach_abstract_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const char* name = target("BERM_DRILL_ABSTRACT");
  ::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
  return connect_unix(address,
                      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + ::strlen(name)));
}
int configure_interface() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request{};
  ::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_PROMISC;
  const int error = done(::ioctl(fd, SIOCSIFFLAGS, &request));
  ::close(fd);
  return error;
}

// clang-format off
constexpr Act kNetwork[] = {
    {"open_packet_socket", "syscalls", ENOSYS, outside, packet_socket},
    {"open_raw_socket", "privileges", EPERM, outside, raw_socket},
    {"open_vm_socket", "syscalls", ENOSYS, outside, vm_socket},
    {"open_crypto_socket", "syscalls", ENOSYS, outside, crypto_socket},
    {"open_audit_socket", "syscalls", ENOSYS, outside, audit_socket},
    {"open_device_events", "syscalls", ENOSYS, outside, device_events_socket},
    {"open_bluetooth_socket", "syscalls", ENOSYS, outside, bluetooth_socket},
    {"open_xdp_socket", "syscalls", ENOSYS, outside, xdp_socket},
    {"reach_metadata_service", "network", ENETUNREACH, namespaces, reach_metadata},
    {"reach_any_address", "network", ENETUNREACH, namespaces, reach_anywhere},
    {"reach_host_loopback", "network", ECONNREFUSED, outside, reach_host_loopback},
    {"reach_host_socket", "filesystem", ENOENT, outside, reach_host_socket},
    {"reach_abstract_socket", "network", ECONNREFUSED, outside, reach_abstract_socket},
    {"configure_interface", "privileges", EPERM, namespaces, configure_interface},
};
constexpr Act kDns[] = {
    {"query_dns", "network", ENETUNREACH, namespaces, query_dns},
    {"query_dns_by_tcp", "network", ENETUNREACH, namespaces, query_dns_by_tcp},
    {"query_dns_by_tls", "network", ENETUNREACH, namespaces, query_dns_by_tls},
};
// clang-format on

}  // namespace

std::span<const Act> network_acts() { return kNetwork; }
std::span<const Act> dns_acts() { return kDns; }

}  // namespace berm::drill

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/setup.h"

namespace berm::init {
namespace {

// A listening socket of the run's own network namespace. Accepting on it from outside gives
// connections of the sandbox, with no relay in between.
int listen_on(std::uint32_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(fd, 512) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
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

int open_listeners(Setup& setup) {
  const auto ports = setup.program.slice<std::uint32_t>(setup.program.header().listeners);
  if (ports.empty()) return 0;
  constexpr std::size_t kMost = 8;
  if (ports.size() > kMost) return EINVAL;
  int fds[kMost];
  int count = 0;
  int error = 0;
  for (const std::uint32_t port : ports) {
    const int fd = listen_on(port);
    if (fd < 0) {
      error = errno;
      break;
    }
    fds[count++] = fd;
  }
  if (error == 0) {
    error = send_message({wire::MessageKind::listeners, wire::Step::open_listeners, count, 0}, fds,
                         count);
  }
  for (int i = 0; i < count; ++i) ::close(fds[i]);
  return error;
}

}  // namespace berm::init

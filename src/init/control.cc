#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "init/setup.h"

namespace berm::init {

int send_message(const wire::Message& message, const int* fds, int fd_count) {
  using wire::kMostFds;
  if (fd_count > kMostFds) return EINVAL;
  iovec part{const_cast<wire::Message*>(&message), sizeof message};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * kMostFds)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd_count > 0) {
    header.msg_control = space;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * static_cast<unsigned>(fd_count));
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int) * static_cast<unsigned>(fd_count));
    ::memcpy(CMSG_DATA(control), fds, sizeof(int) * static_cast<unsigned>(fd_count));
  }
  // sendmmsg(2), because sendmsg(2) of the agent waits for the supervisor to look at it, and the
  // first message of all hands over what he looks with (watch_connects).
  mmsghdr one{header, 0};
  for (;;) {
    if (::sendmmsg(wire::kControlFd, &one, 1, MSG_NOSIGNAL) == 1) return 0;
    if (errno != EINTR) return errno;
  }
}

int receive_message(wire::Message& message) {
  for (;;) {
    const ssize_t got = ::recv(wire::kControlFd, &message, sizeof message, 0);
    if (got == static_cast<ssize_t>(sizeof message)) return 0;
    if (got == 0) return ECONNRESET;
    if (got > 0) return EPROTO;
    if (errno != EINTR) return errno;
  }
}

}  // namespace berm::init

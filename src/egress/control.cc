#include "egress/control.h"

#include <sys/socket.h>

#include <cstring>

namespace berm {
namespace {

constexpr std::size_t kMostFds = 64;

}  // namespace

Result<void> send_descriptors(int control, const std::vector<UniqueFd>& fds) {
  if (fds.size() > kMostFds) return failure(Errc::unsupported, "serve more than 64 listeners");
  char byte = 'l';
  iovec part{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * kMostFds)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = space;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    for (std::size_t i = 0; i < fds.size(); ++i) {
      const int fd = fds[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  if (::sendmsg(control, &header, MSG_NOSIGNAL) != 1) return os_error("hand over the listeners");
  return {};
}

Result<std::vector<UniqueFd>> receive_descriptors(int control) {
  char byte = 0;
  ReceivedMessage received = BERM_TRY(
      in_context("receiving the listeners", receive_with_descriptors(control, {&byte, 1})));
  if (received.size == 0) return failure(Errc::kernel, "receive the listeners: the run is over");
  return std::move(received.fds);
}

}  // namespace berm

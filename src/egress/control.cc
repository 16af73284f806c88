#include "egress/control.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace berm {
namespace {

constexpr std::size_t kMostFds = 64;
constexpr std::uint32_t kLongest = 16 << 20;
constexpr int kPatience = 10'000;

Result<void> read_exactly(int fd, char* bytes, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    pollfd ready{fd, POLLIN, 0};
    const int polled = ::poll(&ready, 1, kPatience);
    if (polled < 0 && errno == EINTR) continue;
    if (polled == 0) return os_error("hear from the egress process", ETIMEDOUT);
    const ssize_t got = ::read(fd, bytes + at, size - at);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return failure(Errc::kernel, "hear from the egress process: it ended");
    if (got < 0) return os_error("hear from the egress process");
    at += static_cast<std::size_t>(got);
  }
  return {};
}

}  // namespace

Result<void> send_frame(int control, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  char head[4];
  std::memcpy(head, &size, sizeof size);
  BERM_TRY(write_all(control, {head, sizeof head}));
  return write_all(control, text);
}

Result<std::string> receive_frame(int control) {
  char head[4];
  BERM_TRY(read_exactly(control, head, sizeof head));
  std::uint32_t size = 0;
  std::memcpy(&size, head, sizeof size);
  if (size > kLongest) return failure(Errc::internal, "understand the egress process");
  std::string text(size, '\0');
  BERM_TRY(read_exactly(control, text.data(), size));
  return text;
}

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

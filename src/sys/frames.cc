#include "sys/frames.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>

namespace berm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t kLongest = 16 << 20;
constexpr std::size_t kMostFds = 64;
constexpr const char* kHearing = "hear from the other process";

Result<void> send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return os_error("speak to the other process");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<void> read_exactly(int socket, std::span<char> bytes, Clock::time_point until) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return os_error(kHearing, ETIMEDOUT);
    pollfd ready{socket, POLLIN, 0};
    const int polled = ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
    if (polled < 0 && errno != EINTR) return os_error(kHearing);
    if (polled <= 0) continue;
    const ssize_t got = ::read(socket, bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(kHearing);
    if (got == 0) return os_error(kHearing, ECONNRESET);
    at += static_cast<std::size_t>(got);
  }
  return {};
}

Result<std::uint32_t> read_size(int socket, Clock::time_point until) {
  char head[4];
  BERM_TRY(read_exactly(socket, head, until));
  std::uint32_t size = 0;
  std::memcpy(&size, head, sizeof size);
  if (size > kLongest) return failure(Errc::internal, "understand the other process");
  return size;
}

}  // namespace

Result<void> write_frame(int socket, std::string_view text) {
  if (text.size() > kLongest) return failure(Errc::internal, "send more than 16 MiB");
  const auto size = static_cast<std::uint32_t>(text.size());
  char head[4];
  std::memcpy(head, &size, sizeof size);
  BERM_TRY(send_all(socket, {head, sizeof head}));
  return send_all(socket, text);
}

Result<std::string> read_frame(int socket, std::chrono::milliseconds patience) {
  const Clock::time_point until = Clock::now() + patience;
  std::string text(BERM_TRY(read_size(socket, until)), '\0');
  BERM_TRY(read_exactly(socket, text, until));
  return text;
}

Result<Secret> read_secret_frame(int socket, std::chrono::milliseconds patience) {
  const Clock::time_point until = Clock::now() + patience;
  const std::uint32_t size = BERM_TRY(read_size(socket, until));
  Result<void> read;
  Secret secret = Secret::filled(
      size, [&](std::span<char> bytes) { read = read_exactly(socket, bytes, until); });
  BERM_TRY(std::move(read));
  return secret;
}

Result<void> send_descriptors(int control, const std::vector<UniqueFd>& fds) {
  if (fds.size() > kMostFds) return failure(Errc::unsupported, "send more than 64 descriptors");
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
  if (::sendmsg(control, &header, MSG_NOSIGNAL) != 1) return os_error("send descriptors");
  return {};
}

Result<std::vector<UniqueFd>> receive_descriptors(int control) {
  char byte = 0;
  ReceivedMessage received =
      BERM_TRY(in_context("receiving descriptors", receive_with_descriptors(control, {&byte, 1})));
  if (received.size == 0)
    return failure(Errc::kernel, "receive descriptors: the other process is gone");
  return std::move(received.fds);
}

}  // namespace berm

#include "tiers/tier.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace berm {

Result<void> Sandbox::release(wire::Step step) {
  const wire::Message go{wire::MessageKind::go, step, 0, 0};
  // A berm-init that failed is gone; why, it has said on this socket, where receive() finds it.
  if (::send(control_.get(), &go, sizeof go, MSG_NOSIGNAL) != sizeof go && errno != EPIPE) {
    return os_error("release berm-init");
  }
  return {};
}

void Sandbox::forward_signal(int signal) {
  const wire::Message message{wire::MessageKind::signal, wire::Step::exec, signal, 0};
  ::send(control_.get(), &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

Result<std::optional<InitMessage>> Sandbox::receive() {
  InitMessage received;
  char bytes[sizeof received.message];
  ReceivedMessage got = BERM_TRY(
      in_context("hearing from berm-init", receive_with_descriptors(control_.get(), bytes)));
  if (got.size == 0) return std::nullopt;
  if (got.size != sizeof bytes) return failure(Errc::internal, "understand berm-init");
  std::memcpy(&received.message, bytes, sizeof bytes);
  received.fds = std::move(got.fds);
  return received;
}

}  // namespace berm

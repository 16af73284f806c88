#include "judge/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "init/hook_wire.h"

namespace berm {
namespace {

constexpr std::size_t kHead = sizeof(wire::HookQuestion);

}  // namespace

std::string_view Connection::question() const { return std::string_view(in_).substr(kHead); }

void Connection::go_on() {
  if (state_ == State::reading) return read_some();
  if (state_ == State::writing) return write_some();
  // Nothing is expected: whoever is readable now has hung up, or speaks out of turn.
  char byte = 0;
  const ssize_t got = ::recv(fd(), &byte, 1, MSG_DONTWAIT);
  if (got >= 0 || (errno != EAGAIN && errno != EINTR)) close();
}

void Connection::read_some() {
  char piece[64 << 10];
  // Never past the question: what follows it would be nobody's.
  std::size_t want = kHead - std::min(in_.size(), kHead);
  wire::HookQuestion head{};
  if (in_.size() >= kHead) {
    std::memcpy(&head, in_.data(), sizeof head);
    want = kHead + head.size - in_.size();
  }
  const ssize_t got = ::recv(fd(), piece, std::min(want, sizeof piece), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close();
  in_.append(piece, static_cast<std::size_t>(got));
  if (in_.size() < kHead) return;
  std::memcpy(&head, in_.data(), sizeof head);
  const bool sound = head.magic == wire::kHookMagic && head.size <= wire::kMostHookInput &&
                     head.agent <= static_cast<std::uint32_t>(AgentKind::opencode);
  if (!sound) return close();
  agent_ = static_cast<AgentKind>(head.agent);
  if (in_.size() == kHead + head.size) state_ = State::asked;
}

void Connection::wait_with(std::optional<HookInput> input, ToolDecision decision) {
  input_ = std::move(input);
  decision_ = std::move(decision);
  in_ = std::string();
  state_ = State::waiting;
}

void Connection::answer(const HookAnswer& answer) {
  const wire::HookAnswer head{.magic = wire::kHookMagic,
                              .exit_code = static_cast<std::uint32_t>(answer.exit_code),
                              .out = static_cast<std::uint32_t>(answer.out.size()),
                              .err = static_cast<std::uint32_t>(answer.err.size())};
  out_.assign(reinterpret_cast<const char*>(&head), sizeof head);
  out_.append(answer.out).append(answer.err);
  state_ = State::writing;
  write_some();
}

void Connection::write_some() {
  const ssize_t sent =
      ::send(fd(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent <= 0) return close();
  sent_ += static_cast<std::size_t>(sent);
  if (sent_ == out_.size()) close();
}

}  // namespace berm

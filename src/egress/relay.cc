#include "egress/relay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "rules/egress/client_hello.h"

namespace berm {
namespace {

constexpr std::size_t kSmall = 16 << 10;  // read by hand; a full one turns to splice
constexpr std::size_t kChunk = 1 << 20;   // and the size of a pipe
constexpr int kRounds = 32;               // then somebody else has a turn
constexpr std::chrono::seconds kHelloPatience{30};
constexpr std::chrono::seconds kAnswerPatience{120};
constexpr std::chrono::minutes kIdle{60};

// RFC 8446 §6: fatal, access_denied. What a refused TLS client can understand.
constexpr unsigned char kAccessDenied[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x31};

bool would_block(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Pipe PipePool::take() {
  if (!free_.empty()) {
    Pipe pipe = std::move(free_.back());
    free_.pop_back();
    return pipe;
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {};
  // May fail for a user who has many pipes (pipe-user-pages-soft): then it is a small one.
  if (::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kChunk)) < 0) {
    ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kChunk / 4));
  }
  return {.read = UniqueFd(ends[0]), .write = UniqueFd(ends[1])};
}

void PipePool::give_back(Pipe pipe) {
  if (pipe.read && free_.size() < kMostKept) free_.push_back(std::move(pipe));
}

Relay::Relay(Loop& loop, Gate& gate, PipePool& pipes, Ends ends, std::string early,
             Admission admission, Ended ended)
    : loop_(loop),
      gate_(gate),
      pipes_(pipes),
      client_(std::move(ends.client)),
      server_(std::move(ends.server)),
      admission_(std::move(admission)),
      ended_(std::move(ended)) {
  up_.from = down_.to = client_.get();
  up_.to = down_.from = server_.get();
  up_.pending = std::move(early);
}

Relay::~Relay() = default;

void Relay::start() {
  const std::uint64_t early = up_.pending.size();
  if (admission_.account.reserve(early, true) < early) {
    return refuse("network.budget", admission_.account.exhausted());
  }
  up_.moved = early;
  // Edge-triggered and both ways at once: no system call changes what is waited for.
  constexpr std::uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (!loop_.watch_instead(client_.get(), kAll, *this, 0) ||
      !loop_.watch_instead(server_.get(), kAll, *this, 1)) {
    close();
  }
}

void Relay::on_ready(unsigned slot, std::uint32_t events) {
  if (closed_) return;
  Direction& reads = slot == 0 ? up_ : down_;
  Direction& writes = slot == 0 ? down_ : up_;
  const bool hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  reads.hung_up = reads.hung_up || hung_up;
  reads.due = reads.due || hung_up || (events & EPOLLIN) != 0;
  writes.due = writes.due || ((events & EPOLLOUT) != 0 && writes.waiting());
  client_gone_ = client_gone_ || (slot == 0 && (events & (EPOLLRDHUP | EPOLLHUP)) != 0);
  last_ = Loop::Clock::now();
  pump_both();
}

void Relay::pump_both() {
  if (looking_ == Looking::hello || looking_ == Looking::second) {
    switch (look_at_hello()) {
      case Pumped::refused:
        return;
      case Pumped::over:
        return close();
      default:
        break;
    }
  }
  // While the server's answer is awaited nothing more is read from the client: a second hello would
  // pass unseen behind the first.
  if (looking_ == Looking::answer && held_.empty() && client_gone_) {
    looking_ = Looking::done;  // it will send no second hello
  }
  const Looking before = looking_;
  Pumped up = Pumped::waits;
  if (looking_ == Looking::done) up = pump(up_, true);
  if (looking_ == Looking::answer) up = flush(up_);
  const Pumped down = up == Pumped::over || up == Pumped::refused ? up : pump(down_, false);
  if (closed_) return;
  if (down == Pumped::over || (up_.shut && down_.shut)) return close();
  if (looking_ != before) {
    up_.due = true;
    return pump_both();
  }
  const bool more = up == Pumped::goes_on && looking_ == Looking::done;
  if (more || down == Pumped::goes_on) {
    loop_.post([self = shared_from_this()] {
      if (!self->closed_) self->pump_both();
    });
  }
}

Relay::Pumped Relay::flush(Direction& direction) {
  while (!direction.pending.empty()) {
    const ssize_t sent = ::send(direction.to, direction.pending.data(), direction.pending.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return would_block(errno) ? Pumped::waits : Pumped::over;
    direction.pending.erase(0, static_cast<std::size_t>(sent));
  }
  if (direction.pending.capacity() > 64) direction.pending = std::string();
  while (direction.in_pipe > 0) {
    const ssize_t sent = ::splice(direction.pipe.read.get(), nullptr, direction.to, nullptr,
                                  direction.in_pipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent <= 0) return sent < 0 && would_block(errno) ? Pumped::waits : Pumped::over;
    direction.in_pipe -= static_cast<std::size_t>(sent);
  }
  return Pumped::goes_on;
}

Relay::Pumped Relay::read_some(Direction& direction, bool upload) {
  if (direction.bulk && !direction.pipe.read) {
    direction.pipe = pipes_.take();
    direction.bulk = static_cast<bool>(direction.pipe.read);
  }
  const std::uint64_t room = admission_.account.reserve(direction.bulk ? kChunk : kSmall, upload);
  if (room == 0) {
    const std::string full = admission_.account.exhausted();
    if (full.empty()) return try_again_soon();  // another connection holds what is left, for now
    refuse("network.budget", full);
    return Pumped::refused;
  }
  char bytes[kSmall];
  const ssize_t got = direction.bulk ? ::splice(direction.from, nullptr, direction.pipe.write.get(),
                                                nullptr, room, SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
                                     : ::recv(direction.from, bytes, room, MSG_DONTWAIT);
  const int error = errno;
  const auto moved = static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
  admission_.account.refund(room - moved, upload);
  direction.moved += moved;
  if (got < 0) {
    if (!would_block(error)) return Pumped::over;
    if (direction.bulk) pipes_.give_back(std::exchange(direction.pipe, Pipe{}));
    direction.bulk = false;
    return Pumped::waits;
  }
  if (got == 0) {
    direction.ended = true;
    if (!upload &&
        looking_ == Looking::answer) {  // nobody is left who could ask for a second hello
      looking_ = Looking::done;
      up_.pending += std::exchange(held_, std::string());
    }
  } else if (direction.bulk) {
    direction.in_pipe = moved;
  } else {
    if (!upload && looking_ == Looking::answer) look_at_answer({bytes, moved});
    const ssize_t sent = ::send(direction.to, bytes, moved, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && !would_block(errno)) return Pumped::over;
    const auto done = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    direction.pending.assign(bytes + done, moved - done);
    direction.bulk = moved == kSmall;
    // What comes next is an edge of its own (epoll(7)), unless the end has been announced already.
    if (moved < room && done == moved && !direction.hung_up) return Pumped::waits;
  }
  return Pumped::goes_on;
}

Relay::Pumped Relay::try_again_soon() {
  loop_.after(std::chrono::milliseconds(2), [weak = weak_from_this()] {
    const std::shared_ptr<Relay> self = weak.lock();
    if (!self || self->closed_) return;
    self->up_.due = self->down_.due = true;
    self->pump_both();
  });
  return Pumped::waits;
}

Relay::Pumped Relay::pump(Direction& direction, bool upload) {
  if (direction.shut || !std::exchange(direction.due, false)) return Pumped::waits;
  for (int round = 0; round < kRounds; ++round) {
    if (const Pumped flushed = flush(direction); flushed != Pumped::goes_on) return flushed;
    if (direction.ended) {
      ::shutdown(direction.to, SHUT_WR);
      direction.shut = true;
      direction.pipe = {};
      return Pumped::waits;
    }
    if (const Pumped read = read_some(direction, upload); read != Pumped::goes_on) return read;
  }
  direction.due = true;
  return Pumped::goes_on;
}

// Collects the client's first bytes until they say what they are.
Relay::Pumped Relay::look_at_hello() {
  bool decided = false;
  for (;;) {
    const std::string why = up_.pending.empty() ? "" : judge_hello(up_.pending, decided);
    if (!why.empty()) {
      refuse("tls", why);
      return Pumped::refused;
    }
    if (decided) break;
    if (up_.ended) {  // it never said a whole hello
      looking_ = Looking::done;
      break;
    }
    char bytes[kSmall];
    const std::uint64_t room = admission_.account.reserve(sizeof bytes, true);
    const ssize_t got = room == 0 ? 0 : ::recv(client_.get(), bytes, room, MSG_DONTWAIT);
    const int error = errno;
    const auto moved = static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
    admission_.account.refund(room - moved, true);
    if (room == 0) {
      refuse("network.budget", admission_.account.exhausted());
      return Pumped::refused;
    }
    if (got < 0) return would_block(error) ? Pumped::waits : Pumped::over;
    up_.moved += moved;
    up_.ended = got == 0;
    up_.pending.append(bytes, moved);
  }
  return Pumped::goes_on;
}

// Sets looking_ to what comes next. The second hello may follow a change_cipher_spec record, which
// TLS 1.3 clients send for the sake of middleboxes (RFC 8446 §D.4).
std::string Relay::judge_hello(std::string_view bytes, bool& decided) {
  // Early data that was refused stands before it, too; the server skips it (RFC 8446 §4.2.10).
  while (looking_ == Looking::second && (bytes.front() == 0x14 || bytes.front() == 0x17)) {
    if (up_.pending.size() > kChunk) return "too much before a second ClientHello";
    if (bytes.size() < 5) return "";
    const std::size_t record = 5 + (std::size_t{static_cast<unsigned char>(bytes[3])} << 8) +
                               static_cast<unsigned char>(bytes[4]);
    if (bytes.size() <= record) return "";
    bytes.remove_prefix(record);
  }
  const Destination& to = admission_.to;
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const HelloResult result = parse_client_hello({data, bytes.size()});
  decided = result.state != HelloState::need_more;
  const bool first = looking_ == Looking::hello;
  const bool compared = !to.address && !admission_.grant.opaque;
  if (decided) {
    const bool tls = result.state == HelloState::complete;
    looking_ = first && tls && compared ? Looking::answer : Looking::done;
    if (looking_ == Looking::answer) {
      const std::size_t end = client_hello_length({data, bytes.size()});
      held_ = up_.pending.substr(end);
      up_.pending.resize(end);
    }
  }
  switch (result.state) {
    case HelloState::need_more:
      return "";
    case HelloState::not_tls:
      if (!first) return "the server asked for another ClientHello, and something else came";
      // What is granted on 443 is TLS; elsewhere any protocol may run.
      return to.port == 443 && !admission_.grant.opaque && !to.address
                 ? "what the client says on port 443 is not TLS"
                 : "";
    case HelloState::malformed:
      return "the TLS ClientHello is malformed";
    case HelloState::complete:
      break;
  }
  // An address was granted as an address: there is no name to compare with.
  if (!compared) return "";
  if (result.hello.encrypted) {
    return "the ClientHello is encrypted (ECH): its name cannot be compared; network.opaque "
           "permits "
           "it";
  }
  if (result.hello.server_name.empty()) {
    return "the ClientHello names no server (SNI); network.opaque permits it";
  }
  const std::optional<std::string> name = canonical_host(result.hello.server_name);
  if (name == to.host) return "";
  return fmt::format("the ClientHello asks for '{}', not for {}",
                     printable(result.hello.server_name.substr(0, 100)), to.host);
}

// A HelloRetryRequest is a ServerHello with a random that is known (RFC 8446 §4.1.3).
void Relay::look_at_answer(std::string_view bytes) {
  constexpr unsigned char kRetry[32] = {0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11,
                                        0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
                                        0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E,
                                        0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};
  constexpr std::size_t kRandomAt = 11;  // record header, handshake header, version
  answer_.append(bytes.substr(0, kRandomAt + sizeof kRetry - answer_.size()));
  const bool server_hello = answer_.front() == 0x16 && (answer_.size() < 6 || answer_[5] == 2);
  if (server_hello && answer_.size() < kRandomAt + sizeof kRetry) return;
  const bool retry =
      server_hello && std::memcmp(answer_.data() + kRandomAt, kRetry, sizeof kRetry) == 0;
  looking_ = retry ? Looking::second : Looking::done;
  answer_ = std::string();
  up_.pending += std::exchange(held_, std::string());
}

void Relay::refuse(std::string_view rule, const std::string& why) {
  gate_.deny(admission_, rule, why);
  if (rule == "tls") {
    ::send(client_.get(), kAccessDenied, sizeof kAccessDenied, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  close();
}

void Relay::close_if_idle(Loop::Clock::time_point now) {
  if (closed_) return;
  const bool never_began =
      looking_ == Looking::hello && admission_.to.port == 443 && now - opened_ > kHelloPatience;
  // A server that says nothing to a hello, and a client that we therefore do not hear.
  const bool never_answered = looking_ == Looking::answer && now - last_ > kAnswerPatience;
  if (never_began || never_answered || now - last_ > kIdle) close();
}

void Relay::close() {
  if (closed_) return;
  closed_ = true;
  const auto time =
      std::chrono::duration_cast<std::chrono::milliseconds>(Loop::Clock::now() - opened_);
  gate_.closed(admission_, up_.moved, down_.moved, time);
  if (up_.in_pipe == 0) pipes_.give_back(std::exchange(up_.pipe, Pipe{}));
  if (down_.in_pipe == 0) pipes_.give_back(std::exchange(down_.pipe, Pipe{}));
  client_.reset();
  server_.reset();
  ended_(*this);
}

}  // namespace berm

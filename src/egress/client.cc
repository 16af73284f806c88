#include "egress/client.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "egress/dns_server.h"
#include "egress/refusal.h"
#include "rules/egress/http_head.h"
#include "rules/egress/socks.h"

namespace berm {
namespace {

constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <class Array>
std::string_view text_of(const Array& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The address that the client connected to: on a listener of the pool, that is what it asked for.
std::optional<std::pair<IpAddress, std::uint16_t>> local_address(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sin_family != AF_INET) {
    return std::nullopt;
  }
  return std::pair{ipv4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
}

// The value of the Host header of a head that why_ambiguous() has let through.
std::string_view host_of(std::string_view head) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() > 5 && lower(line.substr(0, 5)) == "host:") return trim(line.substr(5));
  }
  return "";
}

}  // namespace

void Client::start() {
  known_ = worker_.gate().configuration().token.empty();
  if (known_) return begin();
  on_ready(0, EPOLLIN);
  if (ended_ || waiting_ || watched_) return;
  watched_ = true;
  if (!worker_.loop().watch(fd_.get(), EPOLLIN, *this)) end();
}

bool Client::take_token() {
  const std::string& token = worker_.gate().configuration().token;
  if (buffer_.size() < token.size()) return false;
  unsigned different = 0;  // in the same time, wherever it differs
  for (std::size_t i = 0; i < token.size(); ++i) {
    different |= static_cast<unsigned>(token[i] ^ buffer_[i]);
  }
  buffer_.erase(0, token.size());
  if (different != 0) {
    worker_.gate().deny_unreadable(Via::http, "", "a connection without the run's token");
    end();
    return false;
  }
  known_ = true;
  return true;
}

void Client::begin() {
  if (listener_.kind == ListenerKind::model) return hand_to_http({.kind = HttpTask::Kind::model});
  if (listener_.kind == ListenerKind::telemetry) {
    return hand_to_http({.kind = HttpTask::Kind::telemetry});
  }
  if (listener_.kind == ListenerKind::transparent) return begin_transparent();
  // Most clients have sent their request when we are told of them.
  on_ready(0, EPOLLIN);
  if (ended_ || waiting_) return;
  watched_ = true;
  if (!worker_.loop().watch(fd_.get(), EPOLLIN, *this)) end();
}

void Client::on_ready(unsigned, std::uint32_t) {
  if (ended_ || waiting_) return;
  char bytes[16 << 10];
  const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return end();
  buffer_.append(bytes, static_cast<std::size_t>(got));
  if (!known_) {
    if (!take_token()) return;
    const bool has_head = listener_.kind != ListenerKind::model &&
                          listener_.kind != ListenerKind::telemetry &&
                          listener_.kind != ListenerKind::transparent;
    if (!has_head) return begin();
    if (buffer_.empty()) return;
  }
  step();
}

void Client::step() {
  switch (listener_.kind) {
    case ListenerKind::http:
      return step_http();
    case ListenerKind::socks:
      return step_socks();
    case ListenerKind::dns_tcp:
      return step_dns();
    default:
      return end();
  }
}

void Client::begin_transparent() {
  const auto local = local_address(fd_.get());
  const std::optional<Destination> to =
      local ? worker_.gate().meant_by(local->first, local->second) : std::nullopt;
  if (!to) {
    if (local) {
      worker_.gate().deny_unreadable(Via::transparent,
                                     fmt::format("{}:{}", to_text(local->first), local->second),
                                     "no name of this run stands for that address");
    }
    return end();
  }
  admit(*to, Via::transparent);
}

void Client::step_http() {
  // TLS spoken to the proxy itself would wait for a head that never ends.
  if (buffer_.front() < 'A' || buffer_.front() > 'z') {
    worker_.gate().deny_unreadable(Via::http, "", "no HTTP request");
    return refuse_http("400 Bad Request", "malformed", "this is an HTTP proxy, spoken to in clear");
  }
  const std::size_t length = head_length(buffer_);
  if (length == 0) {
    if (buffer_.size() > kMaxRequestHead) {
      refuse_http("431 Request Header Fields Too Large", "malformed", "a head of more than 64 KiB");
    }
    return;
  }
  const std::string_view head = std::string_view(buffer_).substr(0, length);
  if (const std::string why = why_ambiguous(head); !why.empty()) {
    worker_.gate().deny_unreadable(Via::http, std::string(head.substr(0, head.find('\r'))), why);
    return refuse_http("400 Bad Request", "malformed", why);
  }
  if (head.starts_with("CONNECT ")) return step_connect(std::string(head));
  hand_to_http({.kind = HttpTask::Kind::proxy});
}

void Client::step_connect(std::string_view head) {
  const std::string_view target = head.substr(8, head.find(' ', 8) - 8);
  const std::optional<Destination> to = parse_authority(target);
  if (!to) {
    worker_.gate().deny_unreadable(Via::http, std::string(target),
                                   "not a plain host name and port");
    return refuse_http("403 Forbidden", "malformed", "not a plain host name and port");
  }
  const std::string_view host = host_of(head);
  if (!host.empty() && parse_authority(host, to->port) != to) {
    worker_.gate().deny_unreadable(Via::http, std::string(target),
                                   "Host names another destination");
    return refuse_http("400 Bad Request", "malformed", "Host names another destination");
  }
  buffer_.erase(0, head.size());
  admit(*to, Via::http);
}

void Client::step_socks() {
  if (!greeted_) {
    const SocksGreeting greeting = parse_socks_greeting(bytes_of(buffer_));
    if (greeting.state == SocksState::need_more) return;
    if (greeting.state == SocksState::malformed) return end();
    put(text_of(socks_method_reply(greeting)));
    if (!greeting.no_authentication) return end();
    buffer_.erase(0, greeting.consumed);
    greeted_ = true;
  }
  const SocksRequestResult result = parse_socks_request(bytes_of(buffer_));
  if (result.state == SocksState::need_more) return;
  if (result.state == SocksState::malformed) {
    put(text_of(socks_reply(result.refusal)));
    return end();
  }
  const SocksRequest& request = result.request;
  if (request.command != SocksCommand::connect) {
    worker_.gate().deny_unreadable(Via::socks, request.host, "SOCKS BIND and UDP are not offered");
    put(text_of(socks_reply(SocksCode::command_not_supported)));
    return end();
  }
  const std::optional<Destination> to = make_destination(request.host, request.port);
  if (!to) {
    worker_.gate().deny_unreadable(Via::socks, request.host, "not a plain host name and port");
    put(text_of(socks_reply(SocksCode::not_allowed)));
    return end();
  }
  buffer_.erase(0, result.consumed);
  admit(*to, Via::socks);
}

void Client::step_dns() {
  // RFC 1035 §4.2.2: two bytes of length before each message.
  while (buffer_.size() >= 2) {
    const auto high = static_cast<unsigned char>(buffer_[0]);
    const auto low = static_cast<unsigned char>(buffer_[1]);
    const std::size_t length = (std::size_t{high} << 8) | low;
    if (buffer_.size() < 2 + length) return;
    const std::string answer =
        answer_dns(worker_.gate(), bytes_of(std::string_view(buffer_).substr(2, length)));
    buffer_.erase(0, 2 + length);
    if (answer.empty()) return end();
    std::string framed = {static_cast<char>(answer.size() >> 8),
                          static_cast<char>(answer.size() & 0xff)};
    put(framed += answer);
    if (ended_) return;
  }
}

void Client::wait_for_answer(const Destination& to, Via via) {
  waiting_ = true;
  if (watched_) worker_.loop().change(fd_.get(), EPOLLET, *this);
  worker_.gate().ask(to, [&loop = worker_.loop(), weak = weak_from_this(), to, via] {
    loop.post([weak, to, via] {
      const std::shared_ptr<Client> self = weak.lock();
      if (!self || self->ended_) return;
      self->waiting_ = false;
      self->admit(to, via);
    });
  });
}

void Client::admit(const Destination& to, Via via) {
  if (worker_.gate().must_ask(to)) return wait_for_answer(to, via);
  Result<Admission> admission = worker_.gate().admit(to, via);
  if (!admission) return refuse(admission.error(), false);
  // Plain HTTP is read, request by request: its Host must be the name that was admitted.
  if (to.port == 80 && !to.address) {
    if (!accept_request()) return;
    return hand_to_http({.kind = HttpTask::Kind::plain, .admission = *std::move(admission)});
  }
  if (admission->grant.inspected) {
    if (!accept_request()) return;
    return hand_to_http({.kind = HttpTask::Kind::inspected, .admission = *std::move(admission)});
  }
  connect(*std::move(admission));
}

void Client::connect(Admission admission) {
  waiting_ = true;
  // Kept, but silent (edge-triggered: a hang-up is told once): the relay takes its place.
  if (watched_) worker_.loop().change(fd_.get(), EPOLLET, *this);
  worker_.connector().connect(admission,
                              [weak = weak_from_this(), admission](Result<Dialled> dialled) {
                                const std::shared_ptr<Client> self = weak.lock();
                                if (self && !self->ended_)
                                  self->on_connected(admission, std::move(dialled));
                              });
}

void Client::on_connected(const Admission& admission, Result<Dialled> dialled) {
  if (!dialled) return refuse(dialled.error(), true);
  if (!accept_request()) return;
  worker_.gate().opened(admission, dialled->address);
  ended_ = true;
  worker_.start_relay({.client = std::move(fd_), .server = std::move(dialled->fd)},
                      std::move(buffer_), admission);
  worker_.drop(*this);
}

void Client::hand_to_http(HttpTask task) {
  ended_ = true;
  if (watched_) worker_.loop().forget(fd_.get());
  worker_.start_http(std::move(fd_), std::move(buffer_), std::move(task));
  worker_.drop(*this);
}

bool Client::accept_request() {
  if (listener_.kind == ListenerKind::http) put(kEstablished);
  if (listener_.kind == ListenerKind::socks) put(text_of(socks_reply(SocksCode::succeeded)));
  return !ended_;
}

void Client::refuse(const Error& error, bool unreachable) {
  if (ended_) return;
  const bool denied = error.code == Errc::denied;
  if (listener_.kind == ListenerKind::http) {
    return refuse_http(denied ? "403 Forbidden" : "502 Bad Gateway",
                       denied ? error.fix : "unreachable", denied ? error.what : sentence(error));
  }
  if (listener_.kind == ListenerKind::socks) {
    const SocksCode code = denied        ? SocksCode::not_allowed
                           : unreachable ? SocksCode::connection_refused
                                         : SocksCode::general_failure;
    put(text_of(socks_reply(code)));
  } else if (denied && listener_.port == 80) {
    return refuse_http("403 Forbidden", error.fix, error.what);
  }
  if (listener_.kind == ListenerKind::transparent) {
    // A reset says "refused" to a client that knows no proxy; an orderly end would look like
    // success.
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  end();
}

void Client::refuse_http(std::string_view status, std::string_view rule, std::string_view why) {
  put(http_refusal(status, rule, why));
  if (ended_) return;
  // What the client still sends would turn our close into a reset that eats the answer.
  ::shutdown(fd_.get(), SHUT_WR);
  char rest[4096];
  while (::recv(fd_.get(), rest, sizeof rest, MSG_DONTWAIT) > 0) continue;
  end();
}

void Client::put(std::string_view bytes) {
  if (ended_) return;
  // At most a few hundred bytes: a client whose socket has no room for them does not read at all.
  const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(bytes.size())) end();
}

void Client::end() {
  if (!ended_) worker_.drop(*this);
}

void Client::close() {
  ended_ = true;
  fd_.reset();
}

}  // namespace berm

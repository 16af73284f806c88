#include "egress/connector.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "sys/socket_address.h"

namespace berm {
namespace {

constexpr std::chrono::milliseconds kStagger{250};
constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::size_t kMostAddresses = 8;

// Races a few addresses. Lives until it has told its result: the loop's timer and the descriptors
// hold it.
class Attempt : public Loop::Handler, public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(Loop& loop, std::vector<IpAddress> addresses, std::uint16_t port, Connector::Done done)
      : loop_(loop), addresses_(std::move(addresses)), port_(port), done_(std::move(done)) {
    if (addresses_.size() > kMostAddresses) addresses_.resize(kMostAddresses);
  }

  void start() {
    self_ = shared_from_this();
    deadline_ = loop_.after(kPatience, [this] {
      deadline_.reset();
      finish(ETIMEDOUT);
    });
    start_next();
  }

  void on_ready(unsigned slot, std::uint32_t) override {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(sockets_[slot].get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return win(slot);
    last_error_ = error;
    sockets_[slot].reset();
    if (std::ranges::none_of(sockets_, [](const UniqueFd& fd) { return static_cast<bool>(fd); })) {
      start_next();
    }
  }

 private:
  void start_next() {
    if (over_) return;
    if (stagger_) loop_.cancel(*stagger_);
    stagger_.reset();
    while (sockets_.size() < addresses_.size()) {
      const std::size_t slot = sockets_.size();
      const SocketAddress to = socket_address(addresses_[slot], port_);
      UniqueFd& fd = sockets_.emplace_back(::socket(addresses_[slot].v6 ? AF_INET6 : AF_INET,
                                                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int one = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (fd && ::connect(fd.get(), to.get(), to.length) == 0) {
        return win(static_cast<unsigned>(slot));
      }
      if (fd && errno == EINPROGRESS &&
          loop_.watch(fd.get(), EPOLLOUT, *this, static_cast<unsigned>(slot))) {
        if (sockets_.size() < addresses_.size()) {
          stagger_ = loop_.after(kStagger, [this] {
            stagger_.reset();
            start_next();
          });
        }
        return;
      }
      last_error_ = errno;
      fd.reset();
    }
    const bool pending =
        std::ranges::any_of(sockets_, [](const UniqueFd& fd) { return static_cast<bool>(fd); });
    if (!pending) finish(last_error_);
  }

  void win(unsigned slot) {
    Dialled dialled{.fd = std::move(sockets_[slot]), .address = to_text(addresses_[slot])};
    end();
    done_(std::move(dialled));
  }

  void finish(int error) {
    if (over_) return;
    end();
    done_(os_error("connect", error));
  }

  void end() {
    over_ = true;
    if (stagger_) loop_.cancel(*stagger_);
    if (deadline_) loop_.cancel(*deadline_);
    stagger_.reset();
    deadline_.reset();
    sockets_.clear();
    loop_.bury(std::move(self_));
  }

  Loop& loop_;
  std::vector<IpAddress> addresses_;
  std::uint16_t port_;
  Connector::Done done_;
  std::vector<UniqueFd> sockets_;
  std::optional<Loop::Timer> stagger_;
  std::optional<Loop::Timer> deadline_;
  std::shared_ptr<Attempt> self_;
  int last_error_ = ECONNREFUSED;
  bool over_ = false;
};

// CONNECT to the host's own proxy. The answer's head is looked at with MSG_PEEK and then taken off
// exactly: what follows it belongs to the tunnel.
class ProxyHandshake : public Loop::Handler, public std::enable_shared_from_this<ProxyHandshake> {
 public:
  ProxyHandshake(Loop& loop, Dialled dialled, std::string request, Connector::Done done)
      : loop_(loop),
        dialled_(std::move(dialled)),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void start() {
    self_ = shared_from_this();
    deadline_ = loop_.after(kPatience, [this] {
      deadline_.reset();
      finish(os_error("hear from the upstream proxy", ETIMEDOUT));
    });
    const ssize_t sent =
        ::send(dialled_.fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // A few hundred bytes into an empty socket buffer.
    if (sent != static_cast<ssize_t>(request_.size()) ||
        !loop_.watch_instead(dialled_.fd.get(), EPOLLIN | EPOLLRDHUP, *this)) {
      finish(os_error("speak to the upstream proxy"));
    }
  }

  void on_ready(unsigned, std::uint32_t events) override {
    char bytes[8192];
    const ssize_t got = ::recv(dialled_.fd.get(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return finish(failure(Errc::kernel, "hear from the upstream proxy: it hung up"));
    const std::string_view text(bytes, static_cast<std::size_t>(got));
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      // Nothing new wakes a level-triggered watch of peeked bytes: wait for more than these.
      const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
      if (text.size() == sizeof bytes || ended) {
        return finish(failure(Errc::kernel, "understand the upstream proxy"));
      }
      const int more = static_cast<int>(text.size()) + 1;
      ::setsockopt(dialled_.fd.get(), SOL_SOCKET, SO_RCVLOWAT, &more, sizeof more);
      return;
    }
    const bool ok = text.starts_with("HTTP/1.1 200") || text.starts_with("HTTP/1.0 200");
    const std::string line = printable(text.substr(0, std::min<std::size_t>(text.find('\r'), 80)));
    ::recv(dialled_.fd.get(), bytes, end + 4, MSG_DONTWAIT);
    const int one = 1;
    ::setsockopt(dialled_.fd.get(), SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
    if (ok) return finish(std::move(dialled_));
    finish(failure(Errc::kernel, fmt::format("pass the upstream proxy: it says '{}'", line)));
  }

 private:
  void finish(Result<Dialled> result) {
    if (deadline_) loop_.cancel(*deadline_);
    deadline_.reset();
    loop_.bury(std::move(self_));
    done_(std::move(result));
  }

  Loop& loop_;
  Dialled dialled_;
  std::string request_;
  Connector::Done done_;
  std::optional<Loop::Timer> deadline_;
  std::shared_ptr<ProxyHandshake> self_;
};

}  // namespace

void Connector::connect(const Admission& admission, Done done) {
  const std::optional<UpstreamProxy>& proxy = gate_.configuration().proxy;
  if (proxy && !goes_direct(*proxy, admission.to.host)) return ask_proxy(admission, *proxy, done);
  if (admission.to.address) return dial(admission, {{*admission.to.address}}, done);
  if (auto known = resolver_.known(admission.to.host)) {
    return dial(admission, *std::move(known), done);
  }
  resolver_.resolve(admission.to.host,
                    [this, admission, done](const Result<std::vector<IpAddress>>& found) {
                      loop_.post([this, admission, done, found] { dial(admission, found, done); });
                    });
}

void Connector::dial(const Admission& admission, Result<std::vector<IpAddress>> found,
                     const Done& done) {
  if (!found) return done(tl::unexpected(found.error()));
  Result<std::vector<IpAddress>> allowed = gate_.dialable(admission, *found);
  if (!allowed) return done(tl::unexpected(allowed.error()));
  std::make_shared<Attempt>(loop_, *std::move(allowed), admission.to.port, done)->start();
}

// The proxy will resolve the name itself: what this host's resolver knows of it must all be
// dialable, and a name that only the proxy knows must be granted as such, not by a pattern.
void Connector::ask_proxy(const Admission& admission, const UpstreamProxy& proxy,
                          const Done& done) {
  if (admission.to.address) return dial_proxy(admission, proxy, done);
  resolver_.resolve(admission.to.host, [this, admission, &proxy,
                                        done](const Result<std::vector<IpAddress>>& found) {
    loop_.post([this, admission, &proxy, done, found] {
      if (!found && admission.grant.exact) return dial_proxy(admission, proxy, done);
      if (!found) return done(tl::unexpected(found.error()));
      const Result<std::vector<IpAddress>> allowed = gate_.dialable(admission, *found);
      if (!allowed) return done(tl::unexpected(allowed.error()));
      if (allowed->size() == found->size()) return dial_proxy(admission, proxy, done);
      const std::string why =
          "one of its addresses must not be dialled, and the proxy would choose";
      gate_.deny(admission, "address", why);
      done(failure(Errc::denied, why, "address"));
    });
  });
}

void Connector::dial_proxy(const Admission& admission, const UpstreamProxy& proxy,
                           const Done& done) {
  const std::string authority = to_text(admission.to);
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", authority);
  if (!proxy.authorization.empty()) {
    request += fmt::format("Proxy-Authorization: {}\r\n", proxy.authorization);
  }
  request += "\r\n";
  const auto connected = [this, request, done](Result<Dialled> dialled) {
    if (!dialled) return done(std::move(dialled));
    dialled->address = "proxy " + dialled->address;
    std::make_shared<ProxyHandshake>(loop_, *std::move(dialled), request, done)->start();
  };
  const std::uint16_t port = proxy.port;
  // The proxy's address is the user's own choice; what may be reached through it is decided by
  // name.
  const auto dial_it = [this, connected, port, done](const Result<std::vector<IpAddress>>& found) {
    if (!found) return done(tl::unexpected(found.error()));
    std::make_shared<Attempt>(loop_, *found, port, connected)->start();
  };
  if (const std::optional<IpAddress> address = parse_ip(proxy.host)) return dial_it({{*address}});
  resolver_.resolve(proxy.host, [this, dial_it](const Result<std::vector<IpAddress>>& found) {
    loop_.post([dial_it, found] { dial_it(found); });
  });
}

}  // namespace berm

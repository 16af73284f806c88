// syslog over UDP, TCP, TLS and a socket of the host. No transport of it has an answer: over TCP
// and TLS an event counts when the other side's kernel has it and the connection lived on; over UDP
// when it was sent.
#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <cerrno>
#include <chrono>

#include "audit/ship/receiver.h"
#include "audit/sinks/answers.h"
#include "audit/sinks/syslog.h"
#include "net/dial.h"
#include "net/tls_stream.h"
#include "net/upstream_trust.h"
#include "sys/socket_address.h"

namespace berm {
namespace {

constexpr Milliseconds kSettled{2000};
constexpr Milliseconds kLookAgain{5};

struct Place {
  std::string scheme;
  Destination to;
  std::string path;  ///< of unix://
};

Result<Place> place_of(const std::string& url) {
  Place place{.scheme = url.substr(0, url.find(':')), .to = {}, .path = {}};
  const std::string rest = url.substr(url.find("://") + 3);
  if (place.scheme == "unix") {
    place.path = rest;
    return place;
  }
  const std::optional<Destination> to = parse_authority(rest);
  if (!to) return failure(Errc::usage, fmt::format("use '{}': it names no host and port", url));
  place.to = *to;
  return place;
}

// What all transports share.
class Syslog : public Receiver {
 public:
  Syslog(SinkGrant grant, std::string run, std::string host, Place place, Milliseconds timeout)
      : place_(std::move(place)),
        timeout_(timeout),
        grant_(std::move(grant)),
        run_(std::move(run)),
        host_(std::move(host)) {}

  // Before the process loses its files.
  Result<void> make_ready() {
    if (place_.path.empty() && !place_.to.address)
      resolver_ = BERM_TRY(Resolver::create()).release();
    return {};
  }

 protected:
  [[nodiscard]] std::string message(const ShippedEvent& event) const {
    return syslog_message(grant_, host_, run_, event);
  }

  [[nodiscard]] Result<std::vector<IpAddress>> addresses(const Deadline& deadline) {
    if (place_.to.address) return std::vector<IpAddress>{*place_.to.address};
    if (!resolves_) resolver_->start();
    resolves_ = true;
    return addresses_of(*resolver_, place_.to.host, deadline);
  }

  Place place_;
  Milliseconds timeout_;

 private:
  SinkGrant grant_;
  std::string run_;
  std::string host_;
  Resolver* resolver_ = nullptr;  ///< never freed: its threads live as long as the process
  bool resolves_ = false;
};

// A datagram an event; what does not fit into one can never be sent.
class Datagrams final : public Syslog {
 public:
  using Syslog::Syslog;

  // A socket of this kind could not be made later.
  Result<void> open_unix() {
    fd_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd_) return os_error("make a socket");
    // Never zero, which is forever.
    const timeval patience{timeout_.count() / 1000, timeout_.count() % 1000 * 1000 + 1};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return {};
  }

  SinkStep deliver(const SinkBatch& batch, const Wait&) override {
    if (const Result<void> ready = connect(); !ready) return retry_because(sentence(ready.error()));
    SinkStep step{.kind = SinkStep::Kind::accepted, .why = {}, .refused = {}};
    for (const ShippedEvent& event : batch.events) {
      const std::string text = message(event);
      if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) {
        const int why = errno;
        if (why == EMSGSIZE) {
          step.refused.emplace_back(step.count,
                                    fmt::format("{} bytes: larger than a datagram", text.size()));
        } else {
          connected_ = false;
          if (step.count > 0) return step;
          return retry_because(sentence(os_error("send to it", why).value()));
        }
      }
      ++step.count;
    }
    return step;
  }

 private:
  Result<void> connect() {
    if (connected_) return {};
    if (!place_.path.empty()) {
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      if (place_.path.size() >= sizeof to.sun_path) return os_error("connect", ENAMETOOLONG);
      place_.path.copy(to.sun_path, sizeof to.sun_path - 1);
      if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        if (errno == EPROTOTYPE) {
          return failure(
              Errc::unsupported,
              fmt::format("connect to '{}': it takes streams, not datagrams", place_.path),
              "name a datagram socket, as /dev/log is");
        }
        return os_error(fmt::format("connect to '{}'", place_.path));
      }
    } else {
      const auto found = BERM_TRY(addresses(Deadline::in(timeout_)));
      if (found.empty()) return os_error("find its address", EHOSTUNREACH);
      const SocketAddress to = socket_address(found.front(), place_.to.port);
      fd_ = UniqueFd(::socket(found.front().v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      if (!fd_ || ::connect(fd_.get(), to.get(), to.length) != 0) return os_error("connect");
    }
    connected_ = true;
    return {};
  }

  UniqueFd fd_;
  bool connected_ = false;
};

class Stream final : public Syslog {
 public:
  using Syslog::Syslog;
  void use_tls(SslContext context) { context_ = std::move(context); }

  [[nodiscard]] Milliseconds settles_after() const override { return kSettled; }

  SinkStep deliver(const SinkBatch& batch, const Wait& wait) override {
    const Deadline deadline = Deadline::in(timeout_);
    if (const Result<void> ready = connect(deadline); !ready) {
      return retry_because(sentence(ready.error()));
    }
    std::string text;
    for (const ShippedEvent& event : batch.events) text += octet_counted(message(event));
    boost::system::error_code error;
    for (std::string_view rest = text; !rest.empty() && !error;) {
      stream_->set_timeout(deadline.left());
      rest.remove_prefix(stream_->write_bytes(rest, error));
    }
    if (error) return broken("send to it: " + error.message());
    while (!is_taken()) {
      if (!is_alive() || deadline.left() == Milliseconds(0) || !wait(kLookAgain)) {
        return broken("it did not take what was sent");
      }
    }
    return is_alive() ? all_of(batch) : broken("it closed the connection");
  }

  // The other side says nothing, so what comes to be read is its end (or TLS's own).
  bool is_alive() override {
    if (!stream_) return false;
    char byte = 0;
    const ssize_t got = ::recv(stream_->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }

  // It ends its side when it has read ours to the end.
  bool settle() override {
    if (!stream_) return true;
    stream_->finish();
    const Deadline deadline = Deadline::in(timeout_);
    char bytes[1024];
    boost::system::error_code error;
    while (!error && deadline.left() > Milliseconds(0)) {
      stream_->set_timeout(deadline.left());
      (void)stream_->read_bytes(bytes, error);
    }
    stream_.reset();
    return error && error != boost::asio::error::connection_reset &&
           error != boost::beast::error::timeout;
  }

 private:
  SinkStep broken(std::string why) {
    stream_.reset();
    return retry_because(std::move(why));
  }

  Result<void> connect(const Deadline& deadline) {
    if (stream_ && is_alive()) return {};
    stream_.reset();
    std::vector<IpAddress> found = BERM_TRY(addresses(deadline));
    UniqueFd fd = BERM_TRY(dial(std::move(found), place_.to, deadline));
    if (!context_) {
      stream_ = std::make_unique<SocketStream>(std::move(fd));
      return {};
    }
    stream_ = std::make_unique<TlsStream>(BERM_TRY(
        TlsStream::connect(context_.get(), std::move(fd), place_.to.host, deadline.left())));
    return {};
  }

  // Every byte is acknowledged by the other side's kernel.
  [[nodiscard]] bool is_taken() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(stream_->fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    return info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
  }

  SslContext context_;
  std::unique_ptr<ByteStream> stream_;
};

Result<SslContext> tls_of(const SinkGrant& grant, std::map<std::string, Secret>& secrets) {
  const std::string ca = setting(grant, "ca_file");
  const std::string roots = ca.empty() ? BERM_TRY(read_host_roots(trust_sources_from_environment()))
                                       : BERM_TRY(read_file(ca, 4 << 20));
  SslContext context = BERM_TRY(upstream_context(roots));
  const std::string certificate = setting(grant, "client_cert");
  if (!certificate.empty()) {
    const std::string pem = BERM_TRY(read_file(certificate, 1 << 20));
    BERM_TRY(use_certificate(context.get(), pem, secrets["client_key"]));
  }
  return context;
}

}  // namespace

Result<std::unique_ptr<Receiver>> make_syslog_receiver(ReceiverSettings settings) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const Place place = BERM_TRY(place_of(setting(settings.grant, "url")));
  const Milliseconds timeout = BERM_TRY(parse_duration(setting(settings.grant, "timeout", "15s")));
  if (place.scheme == "udp" || place.scheme == "unix") {
    auto receiver = std::make_unique<Datagrams>(settings.grant, settings.run, host, place, timeout);
    BERM_TRY(receiver->make_ready());
    if (place.scheme == "unix") BERM_TRY(receiver->open_unix());
    return receiver;
  }
  auto receiver = std::make_unique<Stream>(settings.grant, settings.run, host, place, timeout);
  BERM_TRY(receiver->make_ready());
  if (place.scheme == "tls") receiver->use_tls(BERM_TRY(tls_of(settings.grant, settings.secrets)));
  return receiver;
}

}  // namespace berm

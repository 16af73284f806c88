#include "net/tls_stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <cerrno>
#include <climits>

#include "base/text.h"

namespace berm {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

static_assert(beast::is_sync_stream<SocketStream>::value);
static_assert(beast::is_sync_stream<TlsStream>::value);
static_assert(beast::is_sync_stream<ByteStream>::value);

constexpr milliseconds kFarewell{200};  // a close_notify is worth this much patience

error_code os_code(int os_errno) { return {os_errno, boost::system::system_category()}; }

/// The end of one operation, however often it has to wait.
class Deadline {
 public:
  explicit Deadline(milliseconds timeout) {
    const auto now = Clock::now();
    // max() would overflow; what does not fit is forever.
    const bool fits = timeout < std::chrono::duration_cast<milliseconds>(kNever - now);
    if (fits) end_ = now + timeout;
  }

  /// Waits for `events` on `fd`. False if the time is over, even if something has come meanwhile: a
  /// peer that sends a byte now and then must not stretch the wait.
  [[nodiscard]] bool wait(int fd, short events, error_code& error) const {
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(end_ - Clock::now());
      if (end_ != kNever && left <= milliseconds::zero()) {
        error = beast::error::timeout;
        return false;
      }
      pollfd ready{fd, events, 0};
      const int wait =
          end_ == kNever ? -1 : static_cast<int>(std::min<long>(left.count(), INT_MAX));
      const int count = ::poll(&ready, 1, wait);
      if (count > 0) return true;  // an error on the socket shows in the next call on it
      if (count < 0 && errno != EINTR) {
        error = os_code(errno);
        return false;
      }
    }
  }

 private:
  static constexpr Clock::time_point kNever = Clock::time_point::max();
  Clock::time_point end_ = kNever;
};

// Flags instead of O_NONBLOCK: the descriptor's own flags are shared with whoever else holds it.
ssize_t receive(int fd, std::span<char> bytes) {
  ssize_t got = -1;
  do got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  return got;
}

ssize_t transmit(int fd, std::span<const char> bytes) {
  ssize_t put = -1;
  do put = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  while (put < 0 && errno == EINTR);
  return put;
}

/// The transport under an SSL*: what was read ahead of it, then the socket.
struct Wire {
  UniqueFd fd;
  std::string prefix;
  std::size_t replayed = 0;
  bool ended = false;
  int os_errno = 0;  ///< of the call that failed; OpenSSL does not preserve errno

  [[nodiscard]] bool has_prefix() const { return replayed < prefix.size(); }
};

Wire* wire_of(BIO* bio) { return static_cast<Wire*>(BIO_get_data(bio)); }
Wire* wire_of(const SSL* ssl) { return wire_of(SSL_get_rbio(ssl)); }

// The result of recv(2) or send(2) as a BIO's: 1 and the count, or 0 and whether to retry.
int report(BIO* bio, ssize_t result, bool reading, std::size_t* count) {
  BIO_clear_retry_flags(bio);
  if (result > 0) {
    *count = static_cast<std::size_t>(result);
    return 1;
  }
  Wire* const wire = wire_of(bio);
  if (result == 0) {
    wire->ended = reading;
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    wire->os_errno = errno;
  } else if (reading) {
    BIO_set_retry_read(bio);
  } else {
    BIO_set_retry_write(bio);
  }
  return 0;
}

int read_wire(BIO* bio, char* bytes, std::size_t size, std::size_t* count) {
  Wire* const wire = wire_of(bio);
  if (!wire->has_prefix()) {
    return report(bio, receive(wire->fd.get(), {bytes, size}), true, count);
  }
  const std::size_t part = wire->prefix.copy(bytes, size, wire->replayed);
  wire->replayed += part;
  return report(bio, static_cast<ssize_t>(part), true, count);
}

int write_wire(BIO* bio, const char* bytes, std::size_t size, std::size_t* count) {
  return report(bio, transmit(wire_of(bio)->fd.get(), {bytes, size}), false, count);
}

long control_wire(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return wire_of(bio)->ended ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // nothing is held back
}

int drop_wire(BIO* bio) {
  delete wire_of(bio);
  BIO_set_data(bio, nullptr);
  return 1;
}

// OpenSSL's own socket BIO can neither replay a prefix nor write without SIGPIPE.
const BIO_METHOD* wire_method() {
  // Made once, by whoever comes first, and never freed: every BIO points to it.
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "berm socket");
    if (made == nullptr) return made;
    BIO_meth_set_read_ex(made, read_wire);
    BIO_meth_set_write_ex(made, write_wire);
    BIO_meth_set_ctrl(made, control_wire);
    BIO_meth_set_destroy(made, drop_wire);
    return made;
  }();
  return method;
}

Result<SslHandle> make_ssl(SSL_CTX* context, UniqueFd fd, std::string prefix) {
  SslHandle ssl(SSL_new(context));
  Bio bio(wire_method() == nullptr ? nullptr : BIO_new(wire_method()));
  if (!ssl || !bio) return openssl_failure(Errc::internal, "make a TLS connection");
  BIO_set_data(bio.get(), new Wire{.fd = std::move(fd), .prefix = std::move(prefix)});
  BIO_set_init(bio.get(), 1);
  SSL_set_bio(ssl.get(), bio.get(), bio.get());
  (void)bio.release();
  // Without AUTO_RETRY a peer that sends nothing but tickets or key updates comes back to us, and
  // to the deadline, after each.
  SSL_clear_mode(ssl.get(), SSL_MODE_AUTO_RETRY);
  SSL_set_mode(ssl.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
  SSL_set_options(ssl.get(), SSL_OP_NO_RENEGOTIATION);
  return ssl;
}

error_code why_failed(SSL* ssl, int kind) {
  const Wire* const wire = wire_of(ssl);
  const unsigned long queued = ERR_get_error();
  ERR_clear_error();
  if (kind == SSL_ERROR_ZERO_RETURN) return asio::error::eof;
  // Before errno: the alert that OpenSSL then sends may have failed too.
  if (wire->ended) return asio::ssl::error::stream_truncated;
  if (kind == SSL_ERROR_SYSCALL) return os_code(wire->os_errno);
  return {static_cast<int>(queued), asio::error::get_ssl_category()};
}

// Calls OpenSSL until the operation is done, has failed or is out of time.
template <class Operation>
bool drive(SSL* ssl, const Deadline& deadline, error_code& error, Operation operation) {
  error = {};
  for (;;) {
    ERR_clear_error();  // SSL_get_error() reads what an earlier call on this thread left
    const int result = operation();
    if (result > 0) return true;
    const int kind = SSL_get_error(ssl, result);
    if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE) {
      error = why_failed(ssl, kind);
      if (!error) error = asio::error::connection_aborted;  // a failure that says nothing is one
      return false;
    }
    const Wire* const wire = wire_of(ssl);
    if (kind == SSL_ERROR_WANT_READ && wire->has_prefix()) continue;  // no socket will tell
    const short events = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (!deadline.wait(wire->fd.get(), events, error)) return false;
  }
}

// Why a client's handshake failed: OpenSSL's reason, or ours where its words say nothing to the
// reader of an event.
std::string client_reason(const error_code& error) {
  switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
    case SSL_R_CALLBACK_FAILED:  // RunAuthority's
      return "it asks for another host (SNI)";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:           // OpenSSL
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:      // Go
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:  // Java
      return "it does not trust the run's CA";
    default:
      return error.message();
  }
}

Error handshake_error(const std::string& peer, const error_code& error, std::string_view reason) {
  Error out{.code = Errc::kernel, .what = fmt::format("finish the TLS handshake with {}", peer)};
  if (error == beast::error::timeout) {
    out.os_errno = ETIMEDOUT;
  } else if (error == asio::ssl::error::stream_truncated || error == asio::error::eof) {
    out.what += ": it closed the connection";
    out.os_errno = ECONNRESET;
  } else if (error.category() == boost::system::system_category()) {
    out.os_errno = error.value();
  } else {
    out.code = Errc::denied;
    out.what += fmt::format(": {}", reason);
  }
  return out;
}

// Whom we want to talk to, in all the places that must agree. Without a name set here OpenSSL
// verifies the chain only, and any site's certificate would do.
bool expect_host(SSL* ssl, const std::string& host) {
  // "" and ".b" are no names to OpenSSL but "any" and "anything below b".
  if (host.empty() || host.starts_with('.')) return false;
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* const verify = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  std::array<unsigned char, 16> address{};
  if (::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
      ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1) {
    return X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1;  // no SNI: RFC 6066 §3
  }
  return X509_VERIFY_PARAM_set1_host(verify, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

bool offer_http11(SSL* ssl) {
  static constexpr unsigned char kOffer[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  return SSL_set_alpn_protos(ssl, kOffer, sizeof kOffer) == 0;
}

std::string chosen_protocol(const SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace

std::size_t SocketStream::read_bytes(std::span<char> bytes, error_code& error) {
  error = {};
  if (bytes.empty()) return 0;
  const Deadline deadline(timeout());
  for (;;) {
    const ssize_t got = receive(fd_.get(), bytes);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) error = os_code(errno);
    if (got == 0) error = asio::error::eof;
    if (error || !deadline.wait(fd_.get(), POLLIN, error)) return 0;
  }
}

std::size_t SocketStream::write_bytes(std::span<const char> bytes, error_code& error) {
  error = {};
  if (bytes.empty()) return 0;
  const Deadline deadline(timeout());
  for (;;) {
    const ssize_t put = transmit(fd_.get(), bytes);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno != EAGAIN && errno != EWOULDBLOCK) error = os_code(errno);
    if (error || !deadline.wait(fd_.get(), POLLOUT, error)) return 0;
  }
}

std::size_t SocketStream::try_write(std::span<const char> bytes, error_code& error) {
  error = {};
  if (bytes.empty()) return 0;
  const ssize_t put = transmit(fd_.get(), bytes);
  if (put >= 0) return static_cast<std::size_t>(put);
  if (errno != EAGAIN && errno != EWOULDBLOCK) error = os_code(errno);
  return 0;
}

void SocketStream::finish() { ::shutdown(fd_.get(), SHUT_WR); }

Result<TlsStream> TlsStream::accept(SSL_CTX* context, UniqueFd fd, std::string prefix,
                                    milliseconds timeout) {
  SslHandle ssl = BERM_TRY(make_ssl(context, std::move(fd), std::move(prefix)));
  error_code error;
  if (!drive(ssl.get(), Deadline(timeout), error, [&] { return SSL_accept(ssl.get()); })) {
    return tl::unexpected(handshake_error("the client", error, client_reason(error)));
  }
  return TlsStream(std::move(ssl), timeout);
}

Result<TlsStream> TlsStream::connect(SSL_CTX* context, UniqueFd fd, const std::string& host,
                                     milliseconds timeout) {
  const std::string peer = fmt::format("'{}'", printable(host));
  SslHandle ssl = BERM_TRY(make_ssl(context, std::move(fd), ""));
  if (!expect_host(ssl.get(), host) || !offer_http11(ssl.get()) ||
      SSL_set_min_proto_version(ssl.get(), TLS1_2_VERSION) != 1) {
    return openssl_failure(Errc::denied, fmt::format("prepare a TLS handshake with {}", peer));
  }
  error_code error;
  if (!drive(ssl.get(), Deadline(timeout), error, [&] { return SSL_connect(ssl.get()); })) {
    const long verdict = SSL_get_verify_result(ssl.get());
    if (verdict == X509_V_OK) return tl::unexpected(handshake_error(peer, error, error.message()));
    return failure(Errc::denied, fmt::format("trust the certificate of {}: {}", peer,
                                             X509_verify_cert_error_string(verdict)));
  }
  const std::string protocol = chosen_protocol(ssl.get());
  if (!protocol.empty() && protocol != "http/1.1") {
    return failure(Errc::denied, fmt::format("speak HTTP/1.1 with {}: it insists on '{}' (ALPN)",
                                             peer, printable(protocol)));
  }
  return TlsStream(std::move(ssl), timeout);
}

std::size_t TlsStream::read_bytes(std::span<char> bytes, error_code& error) {
  error = broken_;
  if (error || bytes.empty()) return 0;
  std::size_t got = 0;
  SSL* const ssl = ssl_.get();
  drive(ssl, Deadline(timeout()), error,
        [&] { return SSL_read_ex(ssl, bytes.data(), bytes.size(), &got); });
  if (error && error != beast::error::timeout && error != asio::error::eof) broken_ = error;
  return got;
}

std::size_t TlsStream::write_bytes(std::span<const char> bytes, error_code& error) {
  error = broken_;
  if (error || bytes.empty()) return 0;
  std::size_t put = 0;
  SSL* const ssl = ssl_.get();
  drive(ssl, Deadline(timeout()), error,
        [&] { return SSL_write_ex(ssl, bytes.data(), bytes.size(), &put); });
  if (error.category() == boost::system::system_category()) {
    // It closed, and may have said why before: a server that misses our certificate says so only
    // when for us the handshake is over (TLS 1.3).
    error_code alert;
    char byte = 0;
    std::size_t got = 0;
    const auto look = [&] { return SSL_peek_ex(ssl, &byte, sizeof byte, &got); };
    drive(ssl, Deadline(milliseconds::zero()), alert, look);
    if (alert.category() == asio::error::get_ssl_category()) error = alert;
  }
  // Half a record may be on its way, also after a timeout: nothing else may follow it.
  if (error) broken_ = error;
  return put;
}

std::size_t TlsStream::try_write(std::span<const char> bytes, error_code& error) {
  error = broken_;
  if (error || bytes.empty()) return 0;
  std::size_t put = 0;
  SSL* const ssl = ssl_.get();
  drive(ssl, Deadline(milliseconds::zero()), error,
        [&] { return SSL_write_ex(ssl, bytes.data(), bytes.size(), &put); });
  // What is on its way stays OpenSSL's to send, and is offered again.
  if (error == beast::error::timeout) error = {};
  if (error) broken_ = error;
  return put;
}

void TlsStream::finish() {
  error_code ignored;
  SSL* const ssl = ssl_.get();
  // 0 says that ours is sent and the peer's has not come, which we do not wait for.
  const auto notify = [&] { return SSL_shutdown(ssl) >= 0 ? 1 : -1; };
  if (!broken_) drive(ssl, Deadline(std::min(timeout(), kFarewell)), ignored, notify);
  ::shutdown(fd(), SHUT_WR);
}

int TlsStream::fd() const { return wire_of(ssl_.get())->fd.get(); }

bool TlsStream::has_pending() const {
  return SSL_pending(ssl_.get()) > 0 || wire_of(ssl_.get())->has_prefix();
}

std::string TlsStream::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

}  // namespace berm

// src/net/tls_stream.h: byte streams over a socket, plain and TLS, with a limit on every wait.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>

#include "net/openssl.h"
#include "sys/fd.h"

namespace berm {

/// What Boost.Beast reads from and writes to (its SyncReadStream and SyncWriteStream), and how long
/// one operation may take. One thread at a time. One type for plain and TLS, so that the HTTP code
/// exists once in the program.
///
/// asio::error::eof: the other side has ended its stream as its protocol demands.
/// asio::ssl::error::stream_truncated (TLS only): it has not, and anybody on the way may have cut
/// what was read. Whoever reads a message without a length must refuse it.
/// beast::error::timeout: nothing within the timeout; a read may be tried again.
class ByteStream {
 public:
  using error_code = boost::system::error_code;
  virtual ~ByteStream() = default;

  /// Reads at least one byte, unless `bytes` is empty.
  virtual std::size_t read_bytes(std::span<char> bytes, error_code& error) = 0;
  /// Writes at least one byte, unless `bytes` is empty.
  virtual std::size_t write_bytes(std::span<const char> bytes, error_code& error) = 0;
  /// Writes what can be written now, perhaps nothing. The next call begins with what was left over.
  virtual std::size_t try_write(std::span<const char> bytes, error_code& error) = 0;
  /// What try_write() has taken and not sent yet: to be offered again, with nothing or more.
  [[nodiscard]] virtual bool has_unsent() const { return false; }
  /// Says that nothing more comes; reading goes on. Best effort, because the peer may be gone. A
  /// stream that is dropped without ends for its peer as a broken one.
  virtual void finish() = 0;
  /// To poll(2) for a byte to read, if has_pending() is false.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual bool has_pending() const = 0;

  /// For each operation from now on. Zero: what is there now; milliseconds::max(): forever.
  void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }

  template <class MutableBufferSequence>
  std::size_t read_some(const MutableBufferSequence& buffers, error_code& error) {
    for (const boost::asio::mutable_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
      if (buffer.size() == 0) continue;
      return read_bytes({static_cast<char*>(buffer.data()), buffer.size()}, error);
    }
    error = {};
    return 0;
  }

  /// Gathers small buffers: a record, or a packet, for each line of a header would be slow and
  /// would show its lengths.
  template <class ConstBufferSequence>
  std::size_t write_some(const ConstBufferSequence& buffers, error_code& error) {
    const std::size_t total = boost::asio::buffer_size(buffers);
    for (const boost::asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
      if (buffer.size() == 0) continue;
      if (buffer.size() < total && buffer.size() < kGathered) break;
      return write_bytes({static_cast<const char*>(buffer.data()), buffer.size()}, error);
    }
    std::array<char, kGathered> gathered;
    const std::size_t size = boost::asio::buffer_copy(boost::asio::buffer(gathered), buffers);
    return write_bytes({gathered.data(), size}, error);
  }

  // Beast's concepts name the forms that throw. They are defined nowhere: nobody may use them.
  template <class MutableBufferSequence>
  std::size_t read_some(const MutableBufferSequence& buffers);
  template <class ConstBufferSequence>
  std::size_t write_some(const ConstBufferSequence& buffers);

 protected:
  ByteStream() = default;
  explicit ByteStream(std::chrono::milliseconds timeout) : timeout_(timeout) {}
  ByteStream(ByteStream&&) = default;
  ByteStream& operator=(ByteStream&&) = default;

  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

 private:
  static constexpr std::size_t kGathered = 16 << 10;  ///< one TLS record's worth
  std::chrono::milliseconds timeout_ = std::chrono::milliseconds::max();
};

/// A connected socket. Its descriptor may be blocking or not: no call on it ever blocks.
class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(UniqueFd fd,
                        std::chrono::milliseconds timeout = std::chrono::milliseconds::max())
      : ByteStream(timeout), fd_(std::move(fd)) {}

  std::size_t read_bytes(std::span<char> bytes, error_code& error) override;
  std::size_t write_bytes(std::span<const char> bytes, error_code& error) override;
  std::size_t try_write(std::span<const char> bytes, error_code& error) override;
  void finish() override;
  [[nodiscard]] int fd() const override { return fd_.get(); }
  [[nodiscard]] bool has_pending() const override { return false; }

  /// Gives the socket away, e.g. to TlsStream::accept().
  [[nodiscard]] UniqueFd release() { return std::move(fd_); }

 private:
  UniqueFd fd_;
};

/// TLS over a connected socket, without SIGPIPE. An error other than a read's timeout is final.
class TlsStream final : public ByteStream {
 public:
  /// Serves the handshake that a client has begun.
  ///
  /// @param context  From RunAuthority::server_context().
  /// @param prefix   What was read from `fd` already: the start of the ClientHello.
  /// @param timeout  For the handshake as a whole; then for each operation.
  /// @return  Errc::denied  the client refused us or asked for what we do not speak;
  ///          Errc::kernel  the connection broke or took too long (ETIMEDOUT).
  [[nodiscard]] static Result<TlsStream> accept(SSL_CTX* context, UniqueFd fd, std::string prefix,
                                                std::chrono::milliseconds timeout);

  /// Connects to a server that proves to be `host`, a name or an address, by a chain to a root of
  /// `context`. TLS 1.2 or later, whatever `context` allows; HTTP/1.1, or a server without ALPN.
  ///
  /// @param context  From upstream_context().
  /// @return  Errc::denied  the certificate is refused (`what` says why), or the protocol;
  ///          Errc::kernel  the connection broke or took too long (ETIMEDOUT).
  [[nodiscard]] static Result<TlsStream> connect(SSL_CTX* context, UniqueFd fd,
                                                 const std::string& host,
                                                 std::chrono::milliseconds timeout);

  std::size_t read_bytes(std::span<char> bytes, error_code& error) override;
  std::size_t write_bytes(std::span<const char> bytes, error_code& error) override;
  std::size_t try_write(std::span<const char> bytes, error_code& error) override;
  void finish() override;  ///< close_notify, then the socket's own end
  [[nodiscard]] int fd() const override;
  [[nodiscard]] bool has_pending() const override;

  /// The name the client asked for (SNI), as it came; "" if it named none.
  [[nodiscard]] std::string server_name() const;

 private:
  TlsStream(SslHandle ssl, std::chrono::milliseconds timeout)
      : ByteStream(timeout), ssl_(std::move(ssl)) {}

  SslHandle ssl_;      ///< owns the socket through its BIO
  error_code broken_;  ///< the error after which no operation may follow
};

}  // namespace berm

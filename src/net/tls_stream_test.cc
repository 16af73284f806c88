#include "net/tls_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>

#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <future>

#include "net/tls_test_support.h"
#include "net/upstream_trust.h"

namespace berm {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using test::connected_sockets;
using test::kHost;
using test::kPatient;

// Both ends of a connection, ours and ours: a client that trusts exactly the server's CA.
struct Ends {
  RunAuthority authority = test::make_authority();
  SslContext server = *authority.server_context(kHost);
  SslContext client = *upstream_context(authority.certificate_pem());
};

Ends& ends() {
  static Ends made;
  return made;
}

struct Pair {
  Result<TlsStream> client;
  Result<TlsStream> server;
};

Pair shake_hands(SSL_CTX* client, SSL_CTX* server, const std::string& host = kHost) {
  auto [left, right] = connected_sockets();
  auto accepted = std::async(std::launch::async, [server, fd = std::move(right)]() mutable {
    return TlsStream::accept(server, std::move(fd), "", kPatient);
  });
  Result<TlsStream> connected = TlsStream::connect(client, std::move(left), host, kPatient);
  return {.client = std::move(connected), .server = accepted.get()};
}

Pair shake_hands() { return shake_hands(ends().client.get(), ends().server.get()); }

std::string read_text(ByteStream& stream, error_code& error) {
  char text[256];
  return {text, stream.read_some(asio::buffer(text), error)};
}

void write_text(ByteStream& stream, std::string_view text) {
  error_code error;
  EXPECT_EQ(stream.write_some(asio::buffer(text), error), text.size());
  EXPECT_FALSE(error) << error.message();
}

TEST(TlsStream, CarriesBothWaysAndEndsCleanly) {
  auto [client, server] = shake_hands();
  ASSERT_TRUE(client) << render(client.error());
  ASSERT_TRUE(server) << render(server.error());
  EXPECT_EQ(server->server_name(), kHost);
  error_code error;
  write_text(*client, "ping");
  EXPECT_EQ(read_text(*server, error), "ping");
  client->finish();
  EXPECT_EQ(read_text(*server, error), "");
  EXPECT_EQ(error, asio::error::eof);
  write_text(*server, "pong");  // half closed
  EXPECT_EQ(read_text(*client, error), "pong");
  EXPECT_FALSE(error);
}

TEST(TlsStream, TellsATruncatedStreamFromAnEndedOne) {
  auto [client, server] = shake_hands();
  ASSERT_TRUE(client && server);
  write_text(*server, "half an ans");
  server = failure(Errc::internal, "dropped");
  error_code error;
  EXPECT_EQ(read_text(*client, error), "half an ans");
  EXPECT_EQ(read_text(*client, error), "");
  EXPECT_EQ(error, asio::ssl::error::stream_truncated);
  EXPECT_EQ(read_text(*client, error), "");
  EXPECT_EQ(error, asio::ssl::error::stream_truncated) << "and stays so";
}

TEST(TlsStream, AWriteToNobodyIsAnErrorAndNoSignal) {
  auto [client, server] = shake_hands();
  ASSERT_TRUE(client && server);
  server = failure(Errc::internal, "dropped");
  error_code error;
  for (int i = 0; i < 100 && !error; ++i) client->write_some(asio::buffer("x"), error);
  EXPECT_EQ(error, error_code(EPIPE, boost::system::system_category()));
  client->finish();
}

TEST(TlsStream, GathersSmallBuffersAndPassesLargeOnes) {
  auto [client, server] = shake_hands();
  ASSERT_TRUE(client && server);
  const std::string large(100'000, 'x');
  std::string sent = "head" + large + "tail";
  auto received = std::async(std::launch::async, [&stream = *server, size = sent.size()] {
    std::string all(size, '\0');
    error_code error;
    asio::read(stream, asio::buffer(all), error);
    EXPECT_FALSE(error);
    return all;
  });
  const std::array<asio::const_buffer, 5> parts = {asio::const_buffer(), asio::buffer("head", 4),
                                                   asio::buffer(large), asio::const_buffer(),
                                                   asio::buffer("tail", 4)};
  error_code error;
  EXPECT_EQ(asio::write(*client, parts, error), sent.size());
  EXPECT_EQ(received.get(), sent);
  EXPECT_EQ(client->write_some(asio::const_buffer(), error), 0U);
  EXPECT_EQ(client->read_some(asio::mutable_buffer(), error), 0U);
  EXPECT_FALSE(error);
}

TEST(TlsStream, CarriesBeastsMessages) {
  auto [client, server] = shake_hands();
  ASSERT_TRUE(client && server);
  error_code error;
  http::request<http::string_body> request(http::verb::post, "/v1", 11, std::string(50'000, 'b'));
  request.chunked(true);
  auto received = std::async(std::launch::async, [&stream = *server] {
    beast::flat_buffer buffer;
    http::request_parser<http::string_body> parser;
    error_code failed;
    http::read(static_cast<ByteStream&>(stream), buffer, parser, failed);
    EXPECT_FALSE(failed) << failed.message();
    return parser.get().body();
  });
  http::write(*client, request, error);
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(received.get(), std::string(50'000, 'b'));
}

TEST(TlsStream, NoWaitIsLongerThanTheTimeout) {
  auto [client, server] = shake_hands();
  ASSERT_TRUE(client && server);
  error_code error;
  client->set_timeout(50ms);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(read_text(*client, error), "");
  EXPECT_EQ(error, beast::error::timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
  client->set_timeout(0ms);
  EXPECT_EQ(read_text(*client, error), "");
  EXPECT_EQ(error, beast::error::timeout);
  write_text(*server, "late");
  EXPECT_EQ(read_text(*client, error), "late") << "a read may be tried again";

  // Nobody reads: the socket fills up, and half a record may lie in it.
  client->set_timeout(50ms);
  const std::string much(1 << 20, 'x');
  std::size_t carried = 0;
  while (!error && carried < 64 * much.size()) {
    carried += client->write_some(asio::buffer(much), error);
  }
  EXPECT_EQ(error, beast::error::timeout);
  client->set_timeout(kPatient);
  client->write_some(asio::buffer("x"), error);
  EXPECT_EQ(error, beast::error::timeout) << "nothing may follow half a record";
}

TEST(TlsStream, AHandshakeEndsInTimeEvenIfThePeerDripsBytes) {
  for (const bool drips : {false, true}) {
    auto [left, right] = connected_sockets();
    std::atomic<bool> over = false;
    std::thread peer([&, fd = right.get()] {
      // A handshake record of 16000 bytes, one by one.
      for (std::string_view bytes = {"\x16\x03\x01\x3e\x80\x01\x00\x3e\x7c", 9}; drips && !over;
           bytes = bytes.size() > 1 ? bytes.substr(1) : std::string_view("x")) {
        if (::send(fd, bytes.data(), 1, MSG_NOSIGNAL) != 1) break;
        std::this_thread::sleep_for(1ms);
      }
    });
    const auto start = std::chrono::steady_clock::now();
    const auto served = TlsStream::accept(ends().server.get(), std::move(left), "", 50ms);
    const auto took = std::chrono::steady_clock::now() - start;
    over = true;
    peer.join();
    ASSERT_FALSE(served);
    EXPECT_EQ(served.error().os_errno, ETIMEDOUT) << render(served.error());
    EXPECT_GE(took, 50ms);
    EXPECT_LT(took, kPatient);
  }
}

TEST(TlsStream, ServesAHandshakeOfWhichSomebodyReadTheStart) {
  for (const std::size_t peeked :
       {std::size_t{1}, std::size_t{5}, std::size_t{100}, std::size_t{100'000}}) {
    auto [left, right] = connected_sockets();
    auto connected = std::async(std::launch::async, [fd = std::move(left)]() mutable {
      return TlsStream::connect(ends().client.get(), std::move(fd), kHost, kPatient);
    });
    std::string prefix(peeked, '\0');
    SocketStream raw(std::move(right), kPatient);
    error_code error;
    prefix.resize(raw.read_some(asio::buffer(prefix), error));
    auto server = TlsStream::accept(ends().server.get(), raw.release(), prefix, kPatient);
    auto client = connected.get();
    ASSERT_TRUE(server) << render(server.error());
    ASSERT_TRUE(client) << render(client.error());
    EXPECT_FALSE(server->has_pending());
    write_text(*client, "ping");
    EXPECT_EQ(read_text(*server, error), "ping");
  }
}

// Carries bytes one at a time, each way, until either side ends.
void carry_slowly(int from, int to) {
  char byte = 0;
  while (::recv(from, &byte, 1, 0) == 1 && ::send(to, &byte, 1, MSG_NOSIGNAL) == 1) continue;
  ::shutdown(to, SHUT_WR);
}

TEST(TlsStream, AHandshakeInSingleBytesWorks) {
  auto [left, left_far] = connected_sockets();
  auto [right_far, right] = connected_sockets();
  std::thread there([from = left_far.get(), to = right_far.get()] { carry_slowly(from, to); });
  std::thread back([from = right_far.get(), to = left_far.get()] { carry_slowly(from, to); });
  auto accepted = std::async(std::launch::async, [fd = std::move(right)]() mutable {
    return TlsStream::accept(ends().server.get(), std::move(fd), "", kPatient);
  });
  {
    auto client = TlsStream::connect(ends().client.get(), std::move(left), kHost, kPatient);
    auto server = accepted.get();
    EXPECT_TRUE(client) << render(client.error());
    EXPECT_TRUE(server) << render(server.error());
    error_code error;
    if (client && server) {
      write_text(*client, "ping");
      EXPECT_EQ(read_text(*server, error).substr(0, 4), "ping");
    }
  }
  there.join();
  back.join();
}

TEST(TlsStream, LeavesTheDescriptorsFlagsAlone) {
  auto [left, right] = connected_sockets();
  const int shared = ::dup(left.get());
  SocketStream stream(std::move(left), 0ms);
  error_code error;
  EXPECT_EQ(read_text(stream, error), "");
  EXPECT_EQ(error, beast::error::timeout);
  EXPECT_EQ(::fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
  ::close(shared);
}

TEST(SocketStream, EndsAndFailsAsSocketsDo) {
  auto [left, right] = connected_sockets();
  SocketStream one(std::move(left), kPatient);
  SocketStream two(std::move(right), kPatient);
  error_code error;
  write_text(one, "x");
  EXPECT_EQ(read_text(two, error), "x");
  one.finish();
  EXPECT_EQ(read_text(two, error), "");
  EXPECT_EQ(error, asio::error::eof);
  one = SocketStream(UniqueFd());
  two.write_some(asio::buffer("x"), error);
  EXPECT_EQ(error, error_code(EPIPE, boost::system::system_category()));
}

}  // namespace
}  // namespace berm

#include "net/link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <thread>

#include "net/relay.h"
#include "net/tls_stream.h"
#include "net/websocket.h"

namespace berm {
namespace {

constexpr std::chrono::seconds kPatient{10};
constexpr const char* kName = "agent.berm.invalid";

struct Ends {
  UniqueFd one;
  UniqueFd other;
};
Ends make_ends() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Whether a client with `own` gets an answer of a server with `theirs`.
bool meet(const LinkEnd& theirs, const LinkEnd& own, const std::string& name = kName) {
  Ends ends = make_ends();
  const Result<SslContext> server = link_server(theirs);
  const Result<SslContext> client = link_client(own);
  EXPECT_TRUE(server && client);
  std::thread serves([&] {
    boost::system::error_code error;
    Result<TlsStream> stream = TlsStream::accept(server->get(), std::move(ends.one), "", kPatient);
    if (stream) (void)stream->write_bytes(std::string_view("hello"), error);
  });
  Result<TlsStream> stream =
      TlsStream::connect(client->get(), std::move(ends.other), name, kPatient);
  char bytes[5] = {};
  boost::system::error_code error;
  const std::size_t got = stream ? stream->read_bytes(bytes, error) : 0;
  serves.join();
  return std::string_view(bytes, got) == "hello";
}

TEST(Link, OnlyItsTwoEndsMeet) {
  const Link link = *make_link(kName, std::chrono::hours(1));
  const Link other = *make_link(kName, std::chrono::hours(1));
  EXPECT_TRUE(meet(link.server, link.client));
  EXPECT_FALSE(meet(link.server, other.client)) << "a client of another run";
  EXPECT_FALSE(meet(other.server, link.client)) << "a server of another run";
  EXPECT_FALSE(meet(link.server, link.server)) << "the server's own certificate is no client's";
  EXPECT_FALSE(meet(link.client, link.client)) << "nor a client's a server's";
  EXPECT_FALSE(meet(link.server, link.client, "egress.berm.invalid"));
  const Link late = *make_link(kName, std::chrono::seconds(-10));
  EXPECT_FALSE(meet(late.server, late.client)) << "its time is over";
}

TEST(Link, AnEndWithoutACertificateIsRefused) {
  const Link link = *make_link(kName, std::chrono::hours(1));
  Ends ends = make_ends();
  const Result<SslContext> server = link_server(link.server);
  const LinkEnd nobody{.authority = link.client.authority, .certificate = "", .key = Secret()};
  EXPECT_FALSE(link_client(nobody));
  LinkEnd mixed{.authority = link.client.authority,
                .certificate = link.client.certificate,
                .key = Secret(std::string(link.server.key.reveal()))};
  EXPECT_FALSE(link_client(mixed)) << "another's key";
}

// Both sides write more than every buffer holds before they read: nothing stands still.
TEST(Relay, CarriesBothWaysAtOnceAndEndsEachByItself) {
  Ends left = make_ends();
  Ends right = make_ends();
  std::thread carries([one = std::move(left.other), other = std::move(right.one)]() mutable {
    SocketStream a(std::move(one));
    SocketStream b(std::move(other));
    relay(a, b);
  });
  constexpr std::size_t kMuch = 8 << 20;
  const auto work = [](UniqueFd fd, char letter, std::size_t& heard) {
    std::thread writes([&fd, letter] {
      const std::string much(kMuch, letter);
      EXPECT_TRUE(write_all(fd.get(), much));
      ::shutdown(fd.get(), SHUT_WR);
    });
    writes.join();
    char bytes[64 << 10];
    for (ssize_t got = 0; (got = ::read(fd.get(), bytes, sizeof bytes)) > 0;)
      heard += static_cast<std::size_t>(got);
  };
  std::size_t heard_left = 0;
  std::size_t heard_right = 0;
  std::thread reads([&] {
    char bytes[64 << 10];
    for (ssize_t got = 0; (got = ::read(right.other.get(), bytes, sizeof bytes)) > 0;) {
      heard_right += static_cast<std::size_t>(got);
    }
    EXPECT_TRUE(write_all(right.other.get(), "an answer after the end"));
    right.other.reset();
  });
  work(std::move(left.one), 'x', heard_left);
  reads.join();
  carries.join();
  EXPECT_EQ(heard_right, kMuch);
  EXPECT_EQ(heard_left, std::string_view("an answer after the end").size());
}

std::string server_frame(unsigned first, std::string_view payload) {
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out += static_cast<char>(payload.size());
  } else {
    out += static_cast<char>(126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  }
  return out + std::string(payload);
}

TEST(WebSocket, FramesAreReadInWhateverPiecesTheyCome) {
  const std::string all = server_frame(0x82, std::string(300, 'a')) + server_frame(0x89, "ping") +
                          server_frame(0x02, "first") + server_frame(0x80, "rest");
  for (std::size_t size : {1UL, 2UL, 7UL, all.size()}) {
    WebSocketReader reader;
    std::vector<WebSocketFrame> frames;
    for (std::size_t at = 0; at < all.size(); at += size) {
      reader.feed(std::string_view(all).substr(at, size));
      for (auto frame = *reader.next(); frame; frame = *reader.next()) frames.push_back(*frame);
    }
    ASSERT_EQ(frames.size(), 4U);
    EXPECT_EQ(frames[0].payload, std::string(300, 'a'));
    EXPECT_EQ(frames[1].opcode, WebSocketOpcode::ping);
    EXPECT_FALSE(frames[2].final);
    EXPECT_EQ(frames[3].opcode, WebSocketOpcode::continuation);
  }
}

TEST(WebSocket, WhatNoServerMaySendIsRefused) {
  for (const std::string& bytes :
       {server_frame(0xc2, "x"), server_frame(0x83, "x"), server_frame(0x09, "x"),
        std::string("\x82\x81xxxxx"), server_frame(0x89, std::string(200, 'x')),
        std::string("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff")}) {
    WebSocketReader reader;
    reader.feed(bytes);
    EXPECT_FALSE(reader.next());
  }
}

TEST(WebSocket, AClientsFrameIsMasked) {
  const std::string frame = websocket_frame(WebSocketOpcode::binary, "abc", {1, 2, 3, 4});
  EXPECT_EQ(frame, std::string("\x82\x83\x01\x02\x03\x04"
                               "``"
                               "`"));
  // RFC 6455 §1.3
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

}  // namespace
}  // namespace berm

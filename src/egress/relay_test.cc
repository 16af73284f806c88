#include "egress/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

namespace berm {
namespace {

// A relay between two socket pairs, on a loop of its own thread.
class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    loop_ = *Loop::create();
    Pipe events = *make_pipe();
    events_ = std::move(events.read);
    sink_ = std::make_unique<EventSink>(events.write.release());
    gate_ = std::make_unique<Gate>(EgressConfiguration{}, *sink_, routed_name_pool(),
                                   std::vector<IpAddress>{});
    int client[2];
    int server[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, client), 0);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, server), 0);
    client_ = UniqueFd(client[0]);
    server_ = UniqueFd(server[0]);
    for (const UniqueFd* fd : {&client_, &server_}) {
      ::fcntl(fd->get(), F_SETFL, 0);
      const timeval patience{5, 0};
      ::setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    const Admission admission{.to = {.host = "good.example", .address = {}, .port = 443},
                              .grant = {.allowed = true},
                              .via = Via::http,
                              .account = gate_->unlimited()};
    relay_ = std::make_shared<Relay>(*loop_, *gate_, pipes_,
                                     Relay::Ends{UniqueFd(client[1]), UniqueFd(server[1])}, "",
                                     admission, [this](Relay&) { loop_->stop(); });
    relay_->start();
    thread_ = std::thread([this] { loop_->run(); });
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    thread_.join();
  }

  // A minimal hello for `name`: version, random, no session, one suite, null compression, SNI.
  static std::string hello(const std::string& name) {
    const auto with_length = [](std::size_t bytes, const std::string& text) {
      std::string out;
      for (std::size_t i = 0; i < bytes; ++i) {
        out += static_cast<char>(text.size() >> (8 * (bytes - 1 - i)));
      }
      return out + text;
    };
    const std::string names = with_length(2, std::string(1, '\0') + with_length(2, name));
    const std::string extensions = with_length(2, std::string(2, '\0') + with_length(2, names));
    const std::string body = "\x03\x03" + std::string(32, 'r') + std::string(1, '\0') +
                             with_length(2, "\x13\x01") + std::string("\x01\x00", 2) + extensions;
    return "\x16\x03\x01" + with_length(2, "\x01" + with_length(3, body));
  }
  static std::string server_hello(bool retry) {
    const std::string random =
        retry ? "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91"
                "\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C"
              : std::string(32, 's');
    return std::string("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03", 11) + random + "rest";
  }
  static void put(const UniqueFd& fd, const std::string& text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  static std::string get(const UniqueFd& fd, std::size_t size) {
    std::string out(size, '\0');
    const ssize_t got = ::recv(fd.get(), out.data(), size, MSG_WAITALL);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
  }

  std::unique_ptr<Loop> loop_;
  UniqueFd events_;
  std::unique_ptr<EventSink> sink_;
  std::unique_ptr<Gate> gate_;
  PipePool pipes_;
  UniqueFd client_;
  UniqueFd server_;
  std::shared_ptr<Relay> relay_;
  std::thread thread_;
};

TEST_F(RelayTest, CarriesBothWaysOnceTheNameIsRight) {
  put(client_, hello("good.example"));
  EXPECT_EQ(get(server_, hello("good.example").size()), hello("good.example"));
  put(server_, server_hello(false));
  EXPECT_EQ(get(client_, server_hello(false).size()), server_hello(false));
  put(client_, "more");
  EXPECT_EQ(get(server_, 4), "more");
}

TEST_F(RelayTest, ASecondHelloMustAskForTheSameServer) {
  put(client_, hello("good.example"));
  EXPECT_EQ(get(server_, hello("good.example").size()), hello("good.example"));
  put(server_, server_hello(true));
  EXPECT_EQ(get(client_, server_hello(true).size()), server_hello(true));
  put(client_, std::string("\x14\x03\x03\x00\x01\x01", 6) + hello("other.example"));
  EXPECT_EQ(get(client_, 7), std::string("\x15\x03\x03\x00\x02\x02\x31", 7)) << "access_denied";
  EXPECT_EQ(get(server_, 1), "") << "it never arrived";
}

TEST_F(RelayTest, AnHonestSecondHelloGoesOn) {
  put(client_, hello("good.example"));
  EXPECT_EQ(get(server_, hello("good.example").size()), hello("good.example"));
  put(server_, server_hello(true));
  EXPECT_EQ(get(client_, server_hello(true).size()), server_hello(true));
  const std::string second = std::string("\x14\x03\x03\x00\x01\x01", 6) + hello("good.example");
  put(client_, second);
  EXPECT_EQ(get(server_, second.size()), second);
  put(client_, "more");
  EXPECT_EQ(get(server_, 4), "more");
}

TEST_F(RelayTest, NothingPassesBehindTheHelloBeforeTheServerHasAnswered) {
  put(client_, hello("good.example") + hello("other.example"));
  // A hello that is followed by another in the same breath: the first goes, nothing is decided yet.
  const std::string first = get(server_, hello("good.example").size());
  put(server_, server_hello(true));
  EXPECT_EQ(get(client_, server_hello(true).size()), server_hello(true));
  EXPECT_EQ(first, hello("good.example"));
  EXPECT_EQ(get(client_, 7), std::string("\x15\x03\x03\x00\x02\x02\x31", 7));
  EXPECT_EQ(get(server_, 1), "") << "the second never arrived";
}

TEST_F(RelayTest, AServerThatEndsWithoutAWordEndsIt) {
  put(client_, hello("good.example"));
  EXPECT_EQ(get(server_, hello("good.example").size()), hello("good.example"));
  server_.reset();
  EXPECT_EQ(get(client_, 1), "");
  client_.reset();
  pollfd told{events_.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&told, 1, 3000), 1) << "never closed";
  loop_->stop();
}
TEST_F(RelayTest, EarlyDataBeforeASecondHelloIsSkipped) {
  const std::string early(
      "\x17\x03\x03\x00\x04"
      "abcd",
      9);
  put(client_, hello("good.example") + early);
  EXPECT_EQ(get(server_, hello("good.example").size()), hello("good.example"));
  put(server_, server_hello(true));
  EXPECT_EQ(get(client_, server_hello(true).size()), server_hello(true));
  put(client_, hello("good.example"));
  EXPECT_EQ(get(server_, 9), early);
}
TEST_F(RelayTest, AServerMaySpeakFirst) {
  put(server_, std::string(16384, 'g'));
  EXPECT_EQ(get(client_, 16384).size(), 16384U);
  put(client_, hello("good.example"));
  EXPECT_EQ(get(server_, hello("good.example").size()), hello("good.example"));
  put(server_, server_hello(false));
  EXPECT_EQ(get(client_, server_hello(false).size()), server_hello(false));
  put(client_, "more");
  EXPECT_EQ(get(server_, 4), "more");
}

}  // namespace
}  // namespace berm

#include "egress/http_session.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

namespace berm {
namespace {

// Two ends of a TCP connection on loopback: what a reset does to it, a socket pair does not.
std::pair<UniqueFd, UniqueFd> tcp_pair() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), any, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), any, &size), 0);
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(client.get(), any, size), 0);
  return {std::move(client), UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

void put(const UniqueFd& fd, const std::string& text) {
  ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

std::string get_head(const UniqueFd& fd) {
  std::string head;
  char byte = 0;
  while (!head.ends_with("\r\n\r\n") && ::recv(fd.get(), &byte, 1, 0) == 1) head += byte;
  return head;
}

std::string get(const UniqueFd& fd, std::size_t size) {
  std::string out(size, '\0');
  const ssize_t got = ::recv(fd.get(), out.data(), size, MSG_WAITALL);
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

// serve_http() for one client, and servers that this test plays.
class HttpSessionTest : public testing::Test {
 protected:
  using Server = std::function<void(UniqueFd connection, int number)>;

  void serve(const NetworkBudget& budget, Server server) {
    EgressConfiguration configuration;
    configuration.rules.mode = NetworkMode::open;
    configuration.budget = budget;
    gate_ =
        std::make_unique<Gate>(configuration, sink_, routed_name_pool(), std::vector<IpAddress>{});
    auto [client, inner] = tcp_pair();
    client_ = std::move(client);
    session_ = std::thread(
        [this, server](UniqueFd fd) {
          const HttpContext context{.gate = *gate_,
                                    .upstream = upstream_,
                                    .secrets = *secrets_,
                                    .meter = meter_,
                                    .tool_results = tool_results_,
                                    .connect = [&](const Admission&) { return dial(server); },
                                    .is_crowded = [] { return false; }};
          serve_http(context, std::move(fd), "", {});
        },
        std::move(inner));
  }

  void TearDown() override {
    client_.reset();
    session_.join();
    for (std::thread& server : servers_) server.join();
  }

  Result<Dialled> dial(const Server& server) {
    auto [ours, theirs] = tcp_pair();
    servers_.emplace_back(
        [server, number = ++dialled_](UniqueFd fd) { server(std::move(fd), number); },
        std::move(theirs));
    return Dialled{.fd = std::move(ours), .address = "test"};
  }

  Pipe events_ = *make_pipe();
  EventSink sink_{events_.write.get()};
  std::unique_ptr<Gate> gate_;
  HttpUpstream upstream_;
  std::unique_ptr<SecretStore> secrets_ = *SecretStore::create({}, {});
  ModelMeter meter_{{}, sink_};
  ToolResultLog tool_results_{sink_};
  UniqueFd client_;
  std::thread session_;
  std::vector<std::thread> servers_;
  int dialled_ = 0;
};

const std::string kGet = "GET http://h.example/x HTTP/1.1\r\nHost: h.example\r\n\r\n";

TEST_F(HttpSessionTest, AnEarlyRefusalArrivesThoughTheClientStillSends) {
  serve({}, [](UniqueFd fd, int) {
    get_head(fd);
    put(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  });  // closes with unread bytes: a reset
  put(client_,
      "POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nContent-Length: 50000000\r\n\r\n");
  const std::string piece(65536, 'x');
  for (int i = 0; i < 700; ++i) {
    if (::send(client_.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) break;
  }
  EXPECT_EQ(get_head(client_).substr(0, 12), "HTTP/1.1 413");
}

TEST_F(HttpSessionTest, AKeptConnectionDialsNoMoreThanItsBudget) {
  NetworkBudget budget;
  budget.connections = 2;
  serve(budget, [](UniqueFd fd, int) {
    while (!get_head(fd).empty()) put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  });
  for (int i = 0; i < 20; ++i) {
    put(client_, "HEAD http://h.example/x HTTP/1.1\r\nHost: h.example\r\n\r\n");
    if (!get_head(client_).starts_with("HTTP/1.1 200")) break;
  }
  EXPECT_EQ(dialled_, 2);
}

TEST_F(HttpSessionTest, WhatStandsBehindAnAnswerIsNotTheNext) {
  serve({}, [](UniqueFd fd, int number) {
    for (int i = 0; !get_head(fd).empty(); ++i) {
      std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
      if (number == 1 && i == 0) answer += "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTALE";
      put(fd, answer);
    }
  });
  for (int i = 0; i < 2; ++i) {
    put(client_, kGet);
    EXPECT_NE(get_head(client_).find("Content-Length: 3"), std::string::npos);
    EXPECT_EQ(get(client_, 3), "abc");
  }
}

TEST_F(HttpSessionTest, AnAnswerThatDoesNotFitTheBudgetIsSaidToBeRefused) {
  NetworkBudget budget;
  budget.bytes = Bytes{150};
  serve(budget, [](UniqueFd fd, int) {
    get_head(fd);
    put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: " + std::string(200, 'x') + "\r\n\r\nabc");
  });
  put(client_, kGet);
  EXPECT_NE(get_head(client_).find("x-berm-denied: network.budget"), std::string::npos);
}

TEST_F(HttpSessionTest, AChunkedBodyEndsOnce) {
  std::string received;
  serve({}, [&](UniqueFd fd, int) {
    get_head(fd);
    received = get(fd, std::string("3\r\nabc\r\n0\r\n\r\n").size());
    put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    received += get_head(fd).substr(0, 4);  // the next request, and nothing before it
  });
  put(client_,
      "POST http://h.example/x HTTP/1.1\r\nHost: h.example\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(get_head(client_).substr(0, 12), "HTTP/1.1 200");
  put(client_, kGet);
  client_.reset();
  session_.join();
  for (std::thread& server : servers_) server.join();
  servers_.clear();
  session_ = std::thread([] {});
  EXPECT_EQ(received, "3\r\nabc\r\n0\r\n\r\nGET ");
}

}  // namespace
}  // namespace berm

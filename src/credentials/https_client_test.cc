#include "net/https_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/text.h"
#include "credentials/issuers_test_support.h"

namespace berm {
namespace {

using nlohmann::json;
using test::Issuers;
using test::keys;
using test::Variable;

TEST(HttpsUrl, HttpIsForLoopbackAddressesOnly) {
  const struct {
    std::string_view url;
    bool ok;
  } kCases[] = {
      {"https://api.example.com", true},
      {"https://api.example.com:8443/v1?x=y", true},
      {"https://192.0.2.1/", true},
      {"https://[2001:db8::1]:1/", true},
      {"http://127.0.0.1:8200", true},
      {"http://127.8.9.1/", true},
      {"http://[::1]:8200/", true},
      {"http://localhost:8200/", false},
      {"http://169.254.169.254/", false},
      {"http://[::ffff:127.0.0.1]/", false},
      {"http://127.0.0.1.example.com/", false},
      {"http://2130706433/", false},
      {"https://user@api.example.com/", false},
      {"https://api.example.com/#a", false},
      {"https://api.example.com/a b", false},
      {"https://api.example.com/\r\nX: y", false},
      {"https:///a", false},
      {"https://a:70000/", false},
      {"HTTPS://a.example/", false},
      {"ftp://a.example/", false},
      {"", false},
  };
  for (const auto& [url, ok] : kCases) EXPECT_EQ(parse_https_url(url).has_value(), ok) << url;
  EXPECT_EQ(parse_https_url("https://a.example?x=1")->target, "/?x=1");
  EXPECT_EQ(parse_https_url("https://A.Example")->to.host, "a.example");
}

TEST(HttpsClient, AFieldThatWouldBeginAnotherIsNotSent) {
  HttpsClient client;
  const Secret evil(std::string("a\r\nX-Evil: b"));
  HttpsRequest request{.url = "http://127.0.0.1:1/"};
  request.headers = {{"Authorization", "Bearer ", &evil}};
  EXPECT_EQ(client.send(request).error().code, Errc::usage);
  request.headers = {{"X: y\r\nZ", "a", nullptr}};
  EXPECT_EQ(client.send(request).error().code, Errc::usage);
}

TEST(HttpsClient, AsksAServerThatTheHostTrusts) {
  Issuers issuers;
  HttpsClient client;
  const Result<HttpsResponse> response = client.send({.url = issuers.url("plain/x?y=z")});
  ASSERT_TRUE(response) << render(response.error());
  EXPECT_EQ(response->status, 200U);
  EXPECT_EQ(json::parse(response->body.reveal()), (json{{"path", "/plain/x"}, {"query", "y=z"}}));
}

TEST(HttpsClient, AServerWhoseRootTheHostDoesNotTrustIsRefused) {
  Issuers issuers;
  const Variable other("SSL_CERT_FILE", keys().scratch.at("other.pem"));
  HttpsClient client;
  const Result<HttpsResponse> response = client.send({.url = issuers.url("plain")});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::denied);
  EXPECT_EQ(issuers.asked("GET /plain"), 0) << "nothing was said to it";
}

TEST(HttpsClient, ANameThatTheCertificateDoesNotHaveIsRefused) {
  Issuers issuers;
  HttpsClient client;
  const Result<HttpsResponse> response =
      client.send({.url = "https://localhost:" + std::to_string(issuers.port()) + "/plain"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::denied) << render(response.error());
}

TEST(HttpsClient, GoesThroughTheHostsProxyAndChecksWhoIsBehindIt) {
  Issuers issuers;
  const Variable proxy("HTTPS_PROXY",
                       "http://user:pass@127.0.0.1:" + std::to_string(issuers.proxy()));
  HttpsClient client;
  const std::string at = "issuer.example:" + std::to_string(issuers.port());
  const Result<HttpsResponse> response = client.send({.url = "https://" + at + "/plain"});
  ASSERT_TRUE(response) << render(response.error());
  const json asked = issuers.event("request", "CONNECT " + at + " HTTP/1.1");
  EXPECT_EQ(asked["body"], "Host: " + at + "\nProxy-Authorization: Basic dXNlcjpwYXNz");
  const std::string evil = "evil.example:" + std::to_string(issuers.port());
  EXPECT_EQ(client.send({.url = "https://" + evil + "/plain"}).error().code, Errc::denied);
}

TEST(HttpsClient, AProxyThatRefusesIsToldAndNoProxyIsHonoured) {
  Issuers issuers;
  const Variable proxy("HTTPS_PROXY", "http://127.0.0.1:" + std::to_string(issuers.proxy()));
  {
    HttpsClient client;
    const Result<HttpsResponse> response = client.send({.url = issuers.url("plain")});
    ASSERT_FALSE(response);
    EXPECT_NE(response.error().what.find("407"), std::string::npos) << response.error().what;
  }
  const Variable direct("NO_PROXY", "127.0.0.1");
  HttpsClient client;
  EXPECT_TRUE(client.send({.url = issuers.url("plain")}));
}

TEST(HttpsClient, ASlowServerIsGivenUp) {
  Issuers issuers;
  issuers.command("hold GET /plain");
  HttpsClient client(std::chrono::milliseconds(500));
  const Result<HttpsResponse> response = client.send({.url = issuers.url("plain")});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().os_errno, ETIMEDOUT) << render(response.error());
  issuers.command("release");
}

TEST(HttpsClient, ARedirectIsNotFollowed) {
  Issuers issuers;
  issuers.answer("GET /plain",
                 {{"status", 307}, {"headers", {{"Location", issuers.url("other")}}}});
  HttpsClient client;
  const Result<HttpsResponse> response = client.send({.url = issuers.url("plain")});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::denied);
  EXPECT_EQ(issuers.asked("GET /other"), 0);
}

// A server of one connection that says what a test wants and goes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_.get(), 1), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const UniqueFd peer(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char bytes[4096];
      (void)!::read(peer.get(), bytes, sizeof bytes);
      (void)write_all(peer.get(), answer);
    });
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() { thread_.join(); }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/";
  }

 private:
  UniqueFd fd_;
  int port_ = 0;
  std::thread thread_;
};

TEST(HttpsClient, UnderstandsWholeResponsesOnly) {
  const struct {
    std::string answer;
    std::string body;
    bool ok;
  } kCases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab", true},
      {"HTTP/1.1 200 OK\r\n\r\nab", "ab", true},
      {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a", true},
      {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "", false},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "", false},
      {"HTTP/1.1 200 OK\r\nContent-Le", "", false},
      {"", "", false},
      {"SSH-2.0-x\r\n\r\n", "", false},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n", "", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", "", false},
      {"HTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\nHTTP/1.1 100 a\r\n\r\n"
       "HTTP/1.1 100 a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       "", false},
  };
  for (const auto& [answer, body, ok] : kCases) {
    const OneAnswer server(answer);
    HttpsClient client;
    const Result<HttpsResponse> response = client.send({.url = server.url()});
    const bool is_final = response && response->status >= 200;
    EXPECT_EQ(is_final, ok) << answer.substr(0, 80) << (response ? "" : render(response.error()));
    if (is_final) {
      EXPECT_EQ(response->body.reveal(), body);
    }
  }
}

TEST(HttpsClient, SaysWhatItSends) {
  Issuers issuers;
  HttpsClient client;
  const Secret secret(std::string("s3"));
  HttpsRequest request{.method = "POST", .url = issuers.url("plain/post")};
  request.headers = {{"X-A", "b ", &secret}};
  request.content_type = "text/plain";
  request.body = Secret(std::string("line\nline"));
  ASSERT_TRUE(client.send(request));
  EXPECT_EQ(issuers.event("request", "POST /plain/post")["body"], "line\nline");
  EXPECT_EQ(percent_encoded("a b+/~%\n"), "a%20b%2B%2F~%25%0A");
}

}  // namespace
}  // namespace berm

// TLS with programs that are not ours: curl and openssl as clients, openssl s_server as upstream.
#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <future>

#include "net/tls_stream.h"
#include "net/tls_test_support.h"
#include "net/upstream_trust.h"

namespace berm {
namespace {

using boost::system::error_code;
using test::Finished;
using test::kHost;
using test::kPatient;
using test::OpensslServer;
using test::run;
using test::Scratch;

// Serves one connection as kHost: any request, one answer.
class Clients : public testing::Test {
 protected:
  Clients()
      : authority_(test::make_authority()),
        ca_(scratch_.file("ca.pem", authority_.certificate_pem())) {}

  // Runs `command`, with {ca} and {port} filled in, against the server. Returns what the server
  // thought of it.
  Result<void> meet(std::string_view command, Finished& client) {
    auto served = std::async(std::launch::async, [this] { return serve(); });
    client = run(fmt::format(fmt::runtime(command), fmt::arg("ca", ca_),
                             fmt::arg("port", listener_.port())));
    return served.get();
  }

  RunAuthority& authority() { return authority_; }

 private:
  Result<void> serve() {
    const SslContext context = BERM_TRY(authority_.server_context(kHost));
    TlsStream stream = BERM_TRY(TlsStream::accept(context.get(), listener_.accept(), "", kPatient));
    std::string head;
    error_code error;
    while (!error && head.find("\r\n\r\n") == std::string::npos) {
      char piece[4096];
      head.append(piece, stream.read_some(boost::asio::buffer(piece), error));
    }
    const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    if (!error) stream.write_some(boost::asio::buffer(answer), error);
    stream.finish();
    if (error) return failure(Errc::kernel, error.message());
    return {};
  }

  Scratch scratch_;
  RunAuthority authority_;
  std::string ca_;
  test::Listener listener_;
};

constexpr std::string_view kCurl =
    "curl -sS --max-time 10 --cacert {ca} --resolve a.example:{port}:127.0.0.1 "
    "https://a.example:{port}/";

TEST_F(Clients, CurlIsServedInEveryVersionOfTls) {
  for (const std::string more : {"", " --tls-max 1.2", " --tlsv1.3", " --http1.1", " --http2"}) {
    Finished client;
    const Result<void> served = meet(std::string(kCurl) + more, client);
    EXPECT_TRUE(served) << more << ": " << render(served.error());
    EXPECT_EQ(client.out, "hello\n") << more;
  }
}

TEST_F(Clients, AClientThatDoesNotTrustTheRunIsNotServed) {
  Finished client;
  const Result<void> served =
      meet("curl -sS --max-time 10 --resolve a.example:{port}:127.0.0.1 https://a.example:{port}/",
           client);
  EXPECT_EQ(client.code, 60) << client.out;  // CURLE_PEER_FAILED_VERIFICATION
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Errc::denied);
  EXPECT_NE(served.error().what.find("it does not trust the run's CA"), std::string::npos)
      << served.error().what;
}

struct Refusal {
  const char* options;
  const char* client_says;
  const char* we_say;
};

TEST_F(Clients, WhatWeDoNotSpeakIsRefusedInTheHandshake) {
  const Refusal kRefusals[] = {
      {"-servername a.example -alpn h2", "no application protocol", "no application protocol"},
      {"-servername b.example", "unrecognized name", "it asks for another host (SNI)"},
      {"-servername .example", "unrecognized name", "it asks for another host (SNI)"},
      {"-servername a.example -tls1_1 -cipher DEFAULT@SECLEVEL=0", "alert protocol version",
       "unsupported protocol"},
  };
  for (const auto& [options, client_says, we_say] : kRefusals) {
    Finished client;
    const Result<void> served = meet(
        fmt::format("openssl s_client -connect 127.0.0.1:{{port}} {} </dev/null", options), client);
    ASSERT_FALSE(served) << options;
    EXPECT_EQ(served.error().code, Errc::denied) << options;
    EXPECT_NE(client.out.find(client_says), std::string::npos) << client.out;
    EXPECT_NE(served.error().what.find(we_say), std::string::npos) << served.error().what;
  }
}

TEST_F(Clients, NoSessionIsKeptForAnybody) {
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    Finished client;
    const Result<void> served =
        meet(fmt::format("printf 'GET / HTTP/1.1\\r\\n\\r\\n' | openssl s_client -ign_eof -alpn "
                         "h2,http/1.1 -servername A.Example -CAfile {{ca}} -verify_hostname "
                         "a.example -verify_return_error -connect 127.0.0.1:{{port}} {}",
                         version),
             client);
    EXPECT_TRUE(served) << render(served.error());
    EXPECT_NE(client.out.find("hello\n"), std::string::npos) << client.out;
    EXPECT_NE(client.out.find("ALPN protocol: http/1.1"), std::string::npos) << client.out;
    EXPECT_NE(client.out.find("Verification: OK"), std::string::npos) << client.out;
    EXPECT_EQ(client.out.find("ession ticket"), std::string::npos) << client.out;
    EXPECT_EQ(client.out.find("Session Ticket"), std::string::npos) << client.out;
  }
}

// An upstream whose certificate a CA of ours has signed.
class Upstreams : public testing::Test {
 protected:
  Upstreams()
      : key_(EVP_EC_gen("P-256")),
        root_key_(EVP_EC_gen("P-256")),
        root_(test::issue(root_key_.get(), "", nullptr, root_key_.get())),
        trust_(*upstream_context(test::pem_of(root_.get()))),
        key_file_(scratch_.file("key.pem", test::pem_of(key_.get()))) {}

  std::string certificate(const std::string& san, long from = -3600, long until = 3600) {
    const Certificate made =
        test::issue(key_.get(), san, root_.get(), root_key_.get(), from, until);
    return keep(made);
  }
  std::string self_signed() {
    return keep(test::issue(key_.get(), "DNS:a.example", nullptr, key_.get()));
  }
  std::string of_another_root() {
    const PrivateKey other(EVP_EC_gen("P-256"));
    // The same name as the trusted one: names prove nothing.
    return keep(test::issue(key_.get(), "DNS:a.example", root_.get(), other.get()));
  }

  Result<TlsStream> connect(const std::string& certificate_file, const std::string& host = kHost,
                            const std::string& more = "") {
    server_.emplace(certificate_file, key_file_, more);
    return TlsStream::connect(trust_.get(), test::dial_loopback(server_->port()), host, kPatient);
  }

 private:
  std::string keep(const Certificate& made) {
    std::string file = scratch_.path() + "/certificate.pem";
    EXPECT_TRUE(replace_file(file, test::pem_of(made.get())));
    return file;
  }

  Scratch scratch_;
  PrivateKey key_;
  PrivateKey root_key_;
  Certificate root_;
  SslContext trust_;
  std::string key_file_;
  std::optional<OpensslServer> server_;
};

TEST_F(Upstreams, AnswerUnderTheirOwnName) {
  const std::pair<const char*, const char*> kGood[] = {
      {"DNS:a.example", "a.example"},
      {"DNS:x.example,DNS:*.b.example", "a.b.example"},
      {"IP:127.0.0.1", "127.0.0.1"},
      {"IP:::1", "::1"},
  };
  for (const auto& [san, host] : kGood) {
    Result<TlsStream> stream = connect(certificate(san), host);
    ASSERT_TRUE(stream) << host << ": " << render(stream.error());
    error_code error;
    stream->write_some(boost::asio::buffer(std::string_view("GET / HTTP/1.0\r\n\r\n")), error);
    std::string answer;
    while (!error) {
      char piece[4096];
      answer.append(piece, stream->read_some(boost::asio::buffer(piece), error));
    }
    EXPECT_TRUE(answer.starts_with("HTTP/1.0 200 ok")) << answer;
    EXPECT_EQ(error.message(), "End of file");
  }
  for (const char* version : {"-tls1_2", "-tls1_3", "-alpn http/1.1", "-alpn h2,http/1.1"}) {
    const Result<TlsStream> stream = connect(certificate("DNS:a.example"), kHost, version);
    EXPECT_TRUE(stream) << version << ": " << render(stream.error());
  }
}

TEST_F(Upstreams, AreRefusedWithoutAProofOfTheirName) {
  const auto expect_refused = [&](const std::string& file, const std::string& host,
                                  std::string_view why) {
    const Result<TlsStream> refused = connect(file, host);
    ASSERT_FALSE(refused) << why;
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_NE(refused.error().what.find(why), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("'" + host + "'"), std::string::npos);
  };
  expect_refused(certificate("DNS:b.example"), "a.example", "hostname mismatch");
  expect_refused(certificate("DNS:*.example"), "a.b.example", "hostname mismatch");
  expect_refused(certificate("DNS:a*.example"), "ab.example", "hostname mismatch");
  expect_refused(certificate("DNS:127.0.0.1"), "127.0.0.1", "IP address mismatch");
  expect_refused(certificate("DNS:a.example", -7200, -3600), "a.example", "has expired");
  expect_refused(certificate("DNS:a.example", 3600, 7200), "a.example", "not yet valid");
  expect_refused(self_signed(), "a.example", "self-signed certificate");
  expect_refused(of_another_root(), "a.example", "certificate signature failure");
  // Not names but wildcards to OpenSSL: whoever has any certificate would pass.
  expect_refused(certificate("DNS:b.example"), "", "");
  expect_refused(certificate("DNS:b.example"), ".example", "");
  expect_refused(certificate("DNS:a.example"), std::string("a.example\0.b", 12).substr(0, 9) + "x",
                 "hostname mismatch");
}

TEST_F(Upstreams, AreRefusedBelowTls12) {
  const Result<TlsStream> refused =
      connect(certificate("DNS:a.example"), kHost, "-tls1_1 -cipher DEFAULT@SECLEVEL=0");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied) << render(refused.error());
}

TEST_F(Upstreams, AreRefusedWithoutHttp11) {
  const Result<TlsStream> refused = connect(certificate("DNS:a.example"), kHost, "-alpn h2");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("no application protocol"), std::string::npos)
      << render(refused.error());
}

TEST(Upstream, ThatChoosesAnUnofferedProtocolIsRefused) {
  RunAuthority authority = test::make_authority();
  const SslContext server = *authority.server_context(kHost);
  const auto insist = [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char*,
                         unsigned, void*) {
    static const unsigned char kHttp2[] = {'h', '2'};
    *out = kHttp2;
    *size = sizeof kHttp2;
    return SSL_TLSEXT_ERR_OK;
  };
  SSL_CTX_set_alpn_select_cb(server.get(), insist, nullptr);
  auto [left, right] = test::connected_sockets();
  auto accepted = std::async(std::launch::async, [&server, fd = std::move(right)]() mutable {
    return TlsStream::accept(server.get(), std::move(fd), "", kPatient);
  });
  const SslContext trust = *upstream_context(authority.certificate_pem());
  const Result<TlsStream> refused =
      TlsStream::connect(trust.get(), std::move(left), kHost, kPatient);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);  // by OpenSSL itself, if it is new enough
  (void)accepted.get();
}

TEST(Upstream, ThatEndsTheConnectionIsNamed) {
  auto [left, right] = test::connected_sockets();
  right.reset();
  RunAuthority authority = test::make_authority();
  const SslContext trust = *upstream_context(authority.certificate_pem());
  const Result<TlsStream> refused =
      TlsStream::connect(trust.get(), std::move(left), kHost, kPatient);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kernel);
  EXPECT_NE(sentence(refused.error()).find("finish the TLS handshake with 'a.example'"),
            std::string::npos);
}

}  // namespace
}  // namespace berm

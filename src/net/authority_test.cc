#include "net/authority.h"

#include <fmt/format.h>

#include "net/tls_stream.h"
#include "net/tls_test_support.h"

namespace berm {
namespace {

using namespace std::chrono_literals;
using test::Finished;
using test::run;
using test::Scratch;

RunAuthority authority_for(std::vector<std::string> hosts, std::chrono::seconds valid = 1h) {
  Result<RunAuthority> made = RunAuthority::create(hosts, valid);
  EXPECT_TRUE(made) << render(made.error());
  return *std::move(made);
}

std::string leaf_of(RunAuthority& authority, const std::string& host) {
  const Result<SslContext> server = authority.server_context(host);
  EXPECT_TRUE(server) << host;
  return server ? test::pem_of(SSL_CTX_get0_certificate(server->get())) : "";
}

TEST(RunAuthority, MakesNoCertificateThatCouldSpeakForEveryHost) {
  for (const char* bad : {"", "*", "*.com", "**.", "@npm", "a b", "https://a.b", ".b", "a..b"}) {
    EXPECT_FALSE(RunAuthority::create({{std::string(bad)}}, 1h)) << bad;
  }
  EXPECT_FALSE(RunAuthority::create({}, 1h));
  EXPECT_FALSE(RunAuthority::create({{"a.b"}}, 0s));
}

TEST(RunAuthority, ItsCertificateSaysWhatItMayDo) {
  const Scratch scratch;
  const RunAuthority authority = authority_for({"a.b.example:443", "*.c.example", "**.c.example"});
  const std::string file = scratch.file("ca.pem", authority.certificate_pem());
  const std::string text = run("openssl x509 -noout -text -in " + file).out;
  for (const char* line :
       {"CA:TRUE, pathlen:0", "Basic Constraints: critical", "Key Usage: critical",
        "Certificate Sign\n", "Subject Key Identifier", "Name Constraints: critical",
        "Permitted:\n                  DNS:a.b.example\n                  DNS:c.example\n",
        "Excluded:\n                  IP:0.0.0.0/0.0.0.0\n", "IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0\n",
        "CN = berm run CA "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  const auto other = authority_for({"a.b.example"});
  EXPECT_NE(authority.certificate_pem(), other.certificate_pem());
}

TEST(RunAuthority, ItsLeavesPassStrictVerification) {
  const Scratch scratch;
  RunAuthority authority = authority_for({"a.b.example", "*.c.example", "localhost"});
  const std::string ca = scratch.file("ca.pem", authority.certificate_pem());
  const std::string long_name = std::string(63, 'x') + "." + std::string(63, 'y') + ".c.example";
  for (const std::string& host : {std::string("a.b.example"), std::string("x.y.c.example"),
                                  std::string("localhost"), long_name}) {
    const std::string leaf = scratch.file("leaf-" + host.substr(0, 20), leaf_of(authority, host));
    const Finished verified =
        run(fmt::format("openssl verify -x509_strict -purpose sslserver -verify_hostname {} "
                        "-CAfile {} {}",
                        host, ca, leaf));
    EXPECT_EQ(verified.code, 0) << verified.out;
    const Finished other =
        run(fmt::format("openssl verify -verify_hostname other.example "
                        "-CAfile {} {}",
                        ca, leaf));
    EXPECT_NE(other.code, 0) << other.out;
  }
}

TEST(RunAuthority, SpeaksForGrantedHostsOnly) {
  RunAuthority authority = authority_for({"a.example", "*.b.example", "**.c.example"});
  for (const char* granted :
       {"a.example", "A.Example.", "x.b.example", "x.y.b.example", "c.example", "x.c.example"}) {
    EXPECT_TRUE(authority.server_context(granted)) << granted;
  }
  for (const char* foreign :
       {"b.example",    // a wildcard does not cover its apex
        "x.a.example",  // the certificate's constraints would let this one pass
        "evilb.example", "c.example.evil", "", ".c.example", "*.b.example", "**.c.example",
        "a.example:443", "a.example,DNS:evil.example", "1.2.3.4", "[::1]"}) {
    const Result<SslContext> refused = authority.server_context(foreign);
    ASSERT_FALSE(refused) << foreign;
    EXPECT_EQ(refused.error().code, Errc::denied);
  }
  EXPECT_FALSE(authority.server_context({"a.example\0.c.example", 20}));
}

// Even whoever had the CA's key could not use it for another host: the same certificate with a key
// of our own signs for anybody, and the client refuses.
class StolenAuthority : public testing::Test {
 protected:
  StolenAuthority() : key_(EVP_EC_gen("P-256")) {
    const RunAuthority authority = authority_for({"a.example"});
    root_ = test::certificate_of(authority.certificate_pem());
    X509_set_pubkey(root_.get(), key_.get());
    EXPECT_GT(X509_sign(root_.get(), key_.get(), EVP_sha256()), 0);
    ca_ = scratch_.file("ca.pem", test::pem_of(root_.get()));
  }

  Finished verify(const std::string& san) {
    const Certificate leaf = test::issue(key_.get(), san, root_.get(), key_.get());
    const std::string file = scratch_.path() + "/leaf.pem";
    EXPECT_TRUE(replace_file(file, test::pem_of(leaf.get())));
    return run(fmt::format("openssl verify -CAfile {} {}", ca_, file));
  }

  Scratch scratch_;
  PrivateKey key_;
  Certificate root_;
  std::string ca_;
};

TEST_F(StolenAuthority, CannotSpeakForAnotherHost) {
  const Finished granted = verify("DNS:a.example");  // control
  EXPECT_EQ(granted.code, 0) << granted.out;
  for (const char* foreign :
       {"DNS:b.example", "DNS:a.example,DNS:b.example", "DNS:*.example", "DNS:evila.example"}) {
    const Finished refused = verify(foreign);
    EXPECT_NE(refused.code, 0) << foreign;
    EXPECT_NE(refused.out.find("permitted subtree violation"), std::string::npos) << refused.out;
  }
  for (const char* address : {"IP:127.0.0.1", "IP:::1", "DNS:a.example,IP:10.0.0.1"}) {
    const Finished refused = verify(address);
    EXPECT_NE(refused.code, 0) << address;
    EXPECT_NE(refused.out.find("excluded subtree violation"), std::string::npos) << refused.out;
  }
}

TEST(RunAuthority, KeepsLeavesButNotWithoutBound) {
  RunAuthority authority = authority_for({"*.b.example"});
  const std::string first = leaf_of(authority, "first.b.example");
  const std::string kept = leaf_of(authority, "kept.b.example");
  EXPECT_EQ(first, leaf_of(authority, "FIRST.b.example"));
  for (int i = 0; i < 255; ++i) {
    (void)authority.server_context(fmt::format("h{}.b.example", i));
    EXPECT_TRUE(authority.server_context("kept.b.example"));
  }
  EXPECT_EQ(kept, leaf_of(authority, "kept.b.example"));
  EXPECT_NE(first, leaf_of(authority, "first.b.example"));
}

TEST(RunAuthority, ServesManyThreads) {
  RunAuthority authority = authority_for({"*.b.example"});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&authority] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(authority.server_context(fmt::format("h{}.b.example", i % 30)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace berm

#include "net/upstream_trust.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <future>

#include "net/tls_stream.h"
#include "net/tls_test_support.h"
#include "net/trust_files.h"

namespace berm {
namespace {

using test::connected_sockets;
using test::kHost;
using test::kPatient;
using test::make_authority;
using test::run;
using test::Scratch;

Result<TlsStream> connect(SSL_CTX* client, SSL_CTX* server) {
  auto [left, right] = connected_sockets();
  auto accepted = std::async(std::launch::async, [server, fd = std::move(right)]() mutable {
    return TlsStream::accept(server, std::move(fd), "", kPatient);
  });
  Result<TlsStream> connected = TlsStream::connect(client, std::move(left), kHost, kPatient);
  (void)accepted.get();
  return connected;
}

TEST(HostRoots, AreTheSystemsWithoutAWordOfTheUser) {
  const Result<std::string> pem = read_host_roots({});
  if (!pem) BERM_SKIP_OR_FAIL("this host trusts nobody");
  EXPECT_GT(der_certificates(*pem).size(), 10U);
  EXPECT_TRUE(upstream_context(*pem));
}

TEST(HostRoots, AreThoseTheUserNames) {
  const Scratch scratch;
  const std::string one = make_authority().certificate_pem();
  const std::string two = make_authority().certificate_pem();
  const std::string file = scratch.file("one.pem", one);
  ASSERT_TRUE(make_directories(scratch.path() + "/certs/java"));
  (void)scratch.file("certs/b.pem", two);
  (void)scratch.file("certs/a.crl", "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n");
  (void)scratch.file("certs/README", "certificates");
  ASSERT_EQ(::symlink(file.c_str(), (scratch.path() + "/certs/a1b2c3d4.0").c_str()), 0);
  ASSERT_EQ(::symlink("/nowhere", (scratch.path() + "/certs/dangling").c_str()), 0);
  ASSERT_EQ(::mkfifo((scratch.path() + "/certs/fifo").c_str(), 0600), 0);
  const std::string directory = scratch.path() + "/certs";

  EXPECT_EQ(read_host_roots({.file = file}), one);
  EXPECT_EQ(read_host_roots({.directory = "/nowhere::" + directory}), one + two);
  EXPECT_EQ(read_host_roots({.file = file, .directory = directory}), one + one + two);
  EXPECT_TRUE(upstream_context(one + one + two)) << "one certificate twice is one";
}

TEST(HostRoots, AreNotReplacedByOthersWhenTheUsersAreMissing) {
  const Scratch scratch;
  const std::string empty = scratch.file("empty.pem", "");
  for (const TrustSources& sources :
       {TrustSources{.file = scratch.path() + "/none.pem"}, TrustSources{.file = empty},
        TrustSources{.directory = scratch.path()}, TrustSources{.directory = "/nowhere"}}) {
    EXPECT_FALSE(read_host_roots(sources)) << sources.file << sources.directory;
  }
}

TEST(UpstreamContext, NeedsARoot) {
  const PrivateKey key(EVP_EC_gen("P-256"));
  const std::string_view no_certificate =
      "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
  for (const std::string& pem :
       {std::string(), std::string("no armour"), test::pem_of(key.get()),
        make_authority().certificate_pem().substr(0, 300), std::string(no_certificate),
        make_authority().certificate_pem() + std::string(no_certificate)}) {
    EXPECT_FALSE(upstream_context(pem)) << pem;
  }
}

TEST(UpstreamContext, TrustsItsRootsAndNobodyElse) {
  RunAuthority trusted = make_authority();
  RunAuthority foreign = make_authority();
  const std::string many = make_authority().certificate_pem() + make_authority().certificate_pem();
  const SslContext client = *upstream_context(many + trusted.certificate_pem());
  EXPECT_TRUE(connect(client.get(), trusted.server_context(kHost)->get()));
  const Result<TlsStream> refused = connect(client.get(), foreign.server_context(kHost)->get());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("unable to get local issuer certificate"), std::string::npos)
      << refused.error().what;
}

TEST(UpstreamContext, KeepsWhatATrustedCertificateSaysAboutItsUse) {
  const Scratch scratch;
  RunAuthority ca = make_authority();
  const std::string file = scratch.file("ca.pem", ca.certificate_pem());
  const std::string openssl = "openssl x509 -trustout -in " + file;
  const SslContext server = *ca.server_context(kHost);
  const SslContext good = *upstream_context(run(openssl + " -addtrust serverAuth").out);
  EXPECT_TRUE(connect(good.get(), server.get()));
  const SslContext bad = *upstream_context(run(openssl + " -addreject serverAuth").out);
  EXPECT_FALSE(connect(bad.get(), server.get()));
}

TEST(UpstreamContext, TrustsAServersOwnCertificateIfTheUserDoes) {
  const PrivateKey key(EVP_EC_gen("P-256"));
  const Certificate certificate = test::issue(key.get(), "DNS:a.example", nullptr, key.get());
  const SslContext server(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(server.get(), certificate.get());
  SSL_CTX_use_PrivateKey(server.get(), key.get());
  const SslContext client = *upstream_context(test::pem_of(certificate.get()));
  const Result<TlsStream> stream = connect(client.get(), server.get());
  EXPECT_TRUE(stream) << render(stream.error());
}

TEST(UpstreamContext, ServesManyThreads) {
  std::vector<RunAuthority> authorities;
  std::string pem;
  for (int i = 0; i < 4; ++i) pem += authorities.emplace_back(make_authority()).certificate_pem();
  const SslContext client = *upstream_context(pem);
  std::vector<std::thread> threads;
  threads.reserve(authorities.size());
  for (RunAuthority& ca : authorities) {
    threads.emplace_back([&] {
      const SslContext server = *ca.server_context(kHost);
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(connect(client.get(), server.get()));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// From here on, whoever opens a file, in whatever thread, dies of SIGSYS.
bool forbid_opening() {
  constexpr auto kNumber = static_cast<unsigned>(offsetof(seccomp_data, nr));
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber)};
  for (const unsigned number : {
#ifdef SYS_open
           unsigned{SYS_open}, unsigned{SYS_creat}, unsigned{SYS_stat}, unsigned{SYS_readlink},
#endif
           unsigned{SYS_openat}, unsigned{SYS_openat2}, unsigned{SYS_readlinkat},
           unsigned{SYS_socket}}) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// What egress does in its life, after it has lost every file.
[[noreturn]] void live_without_files() {
  RunAuthority ca = make_authority();
  const SslContext client =
      *upstream_context(read_host_roots({}).value_or("") + ca.certificate_pem());
  if (!forbid_opening()) ::_exit(2);
  const SslContext server = *ca.server_context(kHost);
  const Result<TlsStream> good = connect(client.get(), server.get());
  if (!good) std::fputs(render(good.error()).c_str(), stderr);
  RunAuthority other = make_authority();
  const Result<TlsStream> bad = connect(client.get(), other.server_context(kHost)->get());
  ::_exit(good && !bad ? 0 : 3);
}

// The same with nothing loaded before.
[[noreturn]] void start_without_files() {
  if (!forbid_opening()) ::_exit(2);
  RunAuthority ca = make_authority();
  const SslContext client = *upstream_context(ca.certificate_pem());
  ::_exit(connect(client.get(), ca.server_context(kHost)->get()) ? 0 : 3);
}

// Each in a process of its own (threadsafe: a new program), in which nothing has used OpenSSL yet.
TEST(UpstreamContextDeathTest, NoFileIsOpenedAfterIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(live_without_files(), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(start_without_files(), testing::KilledBySignal(SIGSYS), "");  // control
}

}  // namespace
}  // namespace berm

#include "net/upstream_trust.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/text.h"
#include "net/authority.h"
#include "net/root_store.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr const char* kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Arch, NixOS
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora without its compatibility links
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine
};

bool has_certificate(std::string_view pem) {
  for (std::size_t at = 0; (at = pem.find(kBegin, at)) != std::string_view::npos; ++at) {
    const std::string_view line = pem.substr(at, pem.find('\n', at) - at);
    if (line.find("CERTIFICATE-----") != std::string_view::npos) return true;
  }
  return false;
}

void append(std::string& pem, std::string_view more) {
  if (!pem.empty() && !pem.ends_with('\n')) pem += '\n';
  pem += more;
}

// The certificates of one directory, in the order of their names. What is no certificate is no
// error: such directories hold revocation lists, hash links and Java's key store too.
std::string read_directory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> files;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code unreadable;  // a dangling link
    if (at->is_regular_file(unreadable)) files.push_back(at->path().string());
  }
  std::ranges::sort(files);
  std::string pem;
  for (const std::string& file : files) {
    const Result<std::string> text = read_file(file);
    if (text && has_certificate(*text)) append(pem, *text);
  }
  return pem;
}

Result<std::string> read_chosen(const TrustSources& sources) {
  std::string pem;
  if (!sources.file.empty()) {
    pem = BERM_TRY(in_context("reading SSL_CERT_FILE", read_file(sources.file)));
  }
  for (const std::string_view directory : split(sources.directory, ':')) {
    if (!directory.empty()) append(pem, read_directory(std::string(directory)));
  }
  if (!has_certificate(pem)) {
    return failure(Errc::unsupported,
                   fmt::format("find a certificate in SSL_CERT_FILE '{}' or SSL_CERT_DIR '{}'",
                               printable(sources.file), printable(sources.directory)),
                   "unset both to trust the system's roots");
  }
  return pem;
}

Result<SslContext> make_client(CertificateStore store) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const client = context.get();
  if (client == nullptr || SSL_CTX_set_min_proto_version(client, TLS1_2_VERSION) != 1) {
    return openssl_failure(Errc::internal, "set up a TLS client");
  }
  SSL_CTX_set_cert_store(client, store.release());
  SSL_CTX_set_verify(client, SSL_VERIFY_PEER, nullptr);
  // A session would be resumed by no one: each connection has a context's worth of checks.
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(client, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  return context;
}

// One handshake in memory between `client` and a throw-away server.
Result<void> shake_hands(SSL_CTX* client_context, SSL_CTX* server_context, int version) {
  const SslHandle client(SSL_new(client_context));
  const SslHandle server(SSL_new(server_context));
  BIO* ends[2] = {nullptr, nullptr};
  if (!client || !server || BIO_new_bio_pair(&ends[0], 0, &ends[1], 0) != 1) {
    return openssl_failure(Errc::internal, "make a TLS connection");
  }
  SSL_set_bio(client.get(), ends[0], ends[0]);
  SSL_set_bio(server.get(), ends[1], ends[1]);
  SSL_set_max_proto_version(client.get(), version);
  SSL_set_verify(client.get(), SSL_VERIFY_NONE, nullptr);  // verifies all the same, and goes on
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (int turn = 0; turn < 16; ++turn) {  // four flights at most
    const int client_done = SSL_do_handshake(client.get());
    const int server_done = SSL_do_handshake(server.get());
    if (client_done == 1 && server_done == 1) return {};
  }
  return openssl_failure(Errc::internal, "finish a TLS handshake with itself");
}

// OpenSSL and libc load much of what they need when it is first needed. A handshake needs it all.
Result<void> warm_up(SSL_CTX* client) {
  ::tzset();  // gmtime(3), which checks every certificate's dates, reads /etc/localtime once
  const std::string host = "warm-up.invalid";
  RunAuthority authority = BERM_TRY(RunAuthority::create({&host, 1}, std::chrono::minutes(1)));
  const SslContext server = BERM_TRY(authority.server_context(host));
  BERM_TRY(shake_hands(client, server.get(), TLS1_3_VERSION));
  return shake_hands(client, server.get(), TLS1_2_VERSION);
}

}  // namespace

TrustSources trust_sources_from_environment() {
  const auto value = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text == nullptr ? "" : text);
  };
  return {.file = value("SSL_CERT_FILE"), .directory = value("SSL_CERT_DIR")};
}

Result<std::string> read_host_roots(const TrustSources& sources) {
  if (!sources.file.empty() || !sources.directory.empty()) return read_chosen(sources);
  for (const char* path : kBundles) {
    Result<std::string> pem = read_file(path);
    if (pem && has_certificate(*pem)) return pem;
  }
  return failure(Errc::unsupported, "find the certificates that this host trusts",
                 "install ca-certificates, or set SSL_CERT_FILE to a PEM bundle");
}

Result<SslContext> upstream_context(std::string_view pem) {
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  CertificateStore store = BERM_TRY(make_root_store(pem));
  SslContext context = BERM_TRY(make_client(std::move(store)));
  BERM_TRY(warm_up(context.get()));
  return context;
}

Result<void> use_certificate(SSL_CTX* client, std::string_view certificate, const Secret& key) {
  const Bio chain = read_only_bio(certificate);
  const Certificate own(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(client, own.get()) != 1) {
    return openssl_failure(Errc::usage, "read the client certificate");
  }
  while (X509* const next = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(client, next) != 1) X509_free(next);
  }
  ERR_clear_error();  // the end of the file is one
  // A prompt for a password would wait for nobody.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  const Bio text = read_only_bio(key.reveal());
  const PrivateKey owner(PEM_read_bio_PrivateKey(text.get(), nullptr, no_password, nullptr));
  if (!owner || SSL_CTX_use_PrivateKey(client, owner.get()) != 1 ||
      SSL_CTX_check_private_key(client) != 1) {
    return openssl_failure(Errc::usage, "use the client certificate's key");
  }
  return {};
}

}  // namespace berm

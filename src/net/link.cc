#include "net/link.h"

#include "base/text.h"
#include "net/certificate.h"
#include "net/root_store.h"
#include "net/upstream_trust.h"

namespace berm {
namespace {

tl::unexpected<Error> link_failure() {
  return openssl_failure(Errc::internal, "make the certificates of a link");
}

Certificate make_root(EVP_PKEY* key, const std::string& name, CertificateValidity validity) {
  Certificate certificate = blank_certificate(key, validity);
  X509* const root = certificate.get();
  if (root == nullptr || !set_subject(root, "CN", "berm link " + name) ||
      X509_set_issuer_name(root, X509_get_subject_name(root)) != 1 ||
      !add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(root, root, NID_key_usage, "critical,keyCertSign") ||
      !add_extension(root, root, NID_subject_key_identifier, "hash") ||
      X509_sign(root, key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return certificate;
}

Result<LinkEnd> make_end(const Issuer& issuer, const std::string& name, const char* usage,
                         CertificateValidity validity) {
  const PrivateKey key(EVP_EC_gen("P-256"));
  if (!key) return link_failure();
  const Certificate leaf = make_leaf(issuer, key.get(), name, usage, validity);
  if (!leaf) return link_failure();
  LinkEnd out{.authority = pem_of(issuer.certificate),
              .certificate = pem_of(leaf.get()),
              .key = pem_of(key.get())};
  if (out.authority.empty() || out.certificate.empty() || out.key.empty()) return link_failure();
  return out;
}

}  // namespace

Result<Link> make_link(const std::string& name, std::chrono::seconds valid) {
  const CertificateValidity validity = {.now = std::time(nullptr),
                                        .seconds = static_cast<long>(valid.count())};
  const PrivateKey key(EVP_EC_gen("P-256"));
  if (!key) return link_failure();
  const Certificate root = make_root(key.get(), name, validity);
  if (!root) return link_failure();
  const Issuer issuer{root.get(), key.get()};
  return Link{.server = BERM_TRY(make_end(issuer, name, kServerAuth, validity)),
              .client = BERM_TRY(make_end(issuer, name, kClientAuth, validity))};
}

Result<SslContext> link_server(const LinkEnd& end) {
  CertificateStore store = BERM_TRY(make_root_store(end.authority));
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
    return openssl_failure(Errc::internal, "set up a TLS server");
  }
  SSL_CTX_set_cert_store(context.get(), store.release());
  // OpenSSL asks the certificate's purpose too: the server's own is none of a client.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  BERM_TRY(use_certificate(context.get(), end.certificate, end.key));
  return context;
}

Result<SslContext> link_client(const LinkEnd& end) {
  SslContext context = BERM_TRY(upstream_context(end.authority));
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
    return openssl_failure(Errc::internal, "set up a TLS client");
  }
  BERM_TRY(use_certificate(context.get(), end.certificate, end.key));
  return context;
}

}  // namespace berm

#include "net/root_store.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <mutex>
#include <string>
#include <vector>

#include "net/trust_files.h"

namespace berm {
namespace {

using SubjectName = std::unique_ptr<X509_NAME, OpensslFree<X509_NAME_free>>;

struct Root {
  SubjectName subject;
  std::string der;  ///< emptied when the store has the certificate
};

struct Roots {
  std::mutex mutex;
  std::vector<Root> all;
};

using Bytes = std::basic_string_view<unsigned char>;

// Takes the first ASN.1 element off `rest`. Its content if `tag` is its tag, else nothing.
Bytes take_element(Bytes& rest, int wanted, Bytes* whole = nullptr) {
  const unsigned char* at = rest.data();
  long length = 0;
  int tag = 0;
  int kind = 0;
  const int form = ASN1_get_object(&at, &length, &tag, &kind, static_cast<long>(rest.size()));
  if ((form & 0x81) != 0 || tag != wanted) {  // broken, or of indefinite length, which is not DER
    rest = {};
    return {};
  }
  const Bytes content(at, static_cast<std::size_t>(length));
  const std::size_t size = static_cast<std::size_t>(at - rest.data()) + content.size();
  if (whole != nullptr) *whole = rest.substr(0, size);
  rest.remove_prefix(size);
  return content;
}

// The subject of a certificate (RFC 5280 §4.1), without looking at anything else.
SubjectName subject_of(std::string_view der) {
  Bytes rest(reinterpret_cast<const unsigned char*>(der.data()), der.size());
  Bytes certificate = take_element(rest, V_ASN1_SEQUENCE);
  Bytes body = take_element(certificate, V_ASN1_SEQUENCE);
  if (!body.empty() && body.front() == 0xa0) (void)take_element(body, 0);  // the version
  (void)take_element(body, V_ASN1_INTEGER);                                // serial number
  for (int i = 0; i < 3; ++i) (void)take_element(body, V_ASN1_SEQUENCE);   // algorithm … validity
  Bytes subject;
  (void)take_element(body, V_ASN1_SEQUENCE, &subject);
  const unsigned char* at = subject.data();
  return SubjectName(
      subject.empty() ? nullptr : d2i_X509_NAME(nullptr, &at, static_cast<long>(subject.size())));
}

void free_roots(void*, void* roots, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Roots*>(roots);
}

// OpenSSL's slot for a pointer of ours in a store.
int roots_slot() {
  static const int slot =
      CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, nullptr, nullptr, nullptr, free_roots);
  return slot;
}

// Puts the roots called `name` into the store of `context`, before OpenSSL looks there.
void provide(X509_STORE_CTX* context, const X509_NAME* name) {
  X509_STORE* const store = X509_STORE_CTX_get0_store(context);
  auto* const roots = static_cast<Roots*>(X509_STORE_get_ex_data(store, roots_slot()));
  if (roots == nullptr) return;
  const std::lock_guard lock(roots->mutex);
  for (Root& root : roots->all) {
    if (root.der.empty() || X509_NAME_cmp(root.subject.get(), name) != 0) continue;
    const auto* at = reinterpret_cast<const unsigned char*>(root.der.data());
    const Certificate parsed(d2i_X509_AUX(nullptr, &at, static_cast<long>(root.der.size())));
    // One that does not parse is not there: the chain then ends in nothing trusted.
    if (parsed) X509_STORE_add_cert(store, parsed.get());
    root.der.clear();
  }
}

int find_issuer(X509** issuer, X509_STORE_CTX* context, X509* certificate) {
  provide(context, X509_get_issuer_name(certificate));
  return X509_STORE_CTX_get1_issuer(issuer, context, certificate);
}

STACK_OF(X509) * find_by_name(X509_STORE_CTX* context, const X509_NAME* name) {
  provide(context, name);
  return X509_STORE_CTX_get1_certs(context, name);
}

Result<std::unique_ptr<Roots>> read_names(std::string_view pem) {
  auto roots = std::make_unique<Roots>();
  for (PemBlock& block : pem_blocks(pem)) {
    if (!block.label.ends_with("CERTIFICATE")) continue;
    SubjectName subject = subject_of(block.bytes);
    if (!subject) {
      return failure(Errc::unsupported, fmt::format("read certificate {} of the trusted roots",
                                                    roots->all.size() + 1));
    }
    roots->all.push_back({.subject = std::move(subject), .der = std::move(block.bytes)});
  }
  if (roots->all.empty()) {
    return failure(Errc::unsupported, "find a certificate in the trusted roots");
  }
  return roots;
}

}  // namespace

Result<CertificateStore> make_root_store(std::string_view pem) {
  std::unique_ptr<Roots> roots = BERM_TRY(read_names(pem));
  CertificateStore store(X509_STORE_new());
  if (!store || X509_STORE_set_ex_data(store.get(), roots_slot(), roots.get()) != 1) {
    return openssl_failure(Errc::internal, "make a certificate store");
  }
  (void)roots.release();
  X509_STORE_set_get_issuer(store.get(), find_issuer);
  X509_STORE_set_lookup_certs(store.get(), find_by_name);
  return store;
}

}  // namespace berm

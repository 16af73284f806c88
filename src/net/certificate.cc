#include "net/certificate.h"

#include <openssl/pem.h>

namespace berm {
namespace {

constexpr long kClockSkew = 3600;

using BigNumber = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;

// 159 random bits: the most that stay within 20 bytes as a positive number (RFC 5280 §4.1.2.2).
bool set_serial(X509* certificate) {
  const BigNumber serial(BN_new());
  return serial && BN_rand(serial.get(), 159, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, CertificateValidity validity) {
  return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -kClockSkew, &validity.now) !=
             nullptr &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), 0, validity.seconds, &validity.now) !=
             nullptr;
}

std::string memory_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

// Names are put in as values: OpenSSL's configuration syntax gives a comma or '@' a meaning.
GeneralName make_general_name(int type, std::string_view bytes) {
  GeneralName name(GENERAL_NAME_new());
  ASN1_STRING* value =
      ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
  if (!name || value == nullptr ||
      ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) != 1) {
    ASN1_STRING_free(value);
    return nullptr;
  }
  GENERAL_NAME_set0_value(name.get(), type, value);
  return name;
}

namespace {

bool add_host(X509* certificate, std::string_view host) {
  const Names names(GENERAL_NAMES_new());
  GeneralName name = make_general_name(GEN_DNS, host);
  if (!names || !name || sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return false;
  (void)name.release();
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

}  // namespace

// An extension whose value is ours, in OpenSSL's own words (x509v3_config(5)).
bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_subject(X509* certificate, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

Certificate blank_certificate(EVP_PKEY* key, CertificateValidity validity) {
  Certificate certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_serial(certificate.get()) || !set_validity(certificate.get(), validity) ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return nullptr;
  }
  return certificate;
}

// The host stands in the SAN alone. The subject holds no CN, which an old client might match, and
// is not empty, which another old client refuses.
Certificate make_leaf(const Issuer& issuer, EVP_PKEY* key, std::string_view host, const char* usage,
                      CertificateValidity validity) {
  Certificate certificate = blank_certificate(key, validity);
  X509* const leaf = certificate.get();
  if (leaf == nullptr || !set_subject(leaf, "O", "berm run") ||
      X509_set_issuer_name(leaf, X509_get_subject_name(issuer.certificate)) != 1 ||
      !add_extension(leaf, issuer.certificate, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf, issuer.certificate, NID_key_usage, "critical,digitalSignature") ||
      !add_extension(leaf, issuer.certificate, NID_ext_key_usage, usage) ||
      !add_extension(leaf, issuer.certificate, NID_authority_key_identifier, "keyid:always") ||
      !add_host(leaf, host) || X509_sign(leaf, issuer.key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return certificate;
}

std::string pem_of(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_X509(out.get(), certificate) != 1) return "";
  return memory_of(out.get());
}

Secret pem_of(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_secmem()));
  if (!out ||
      PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Secret();
  }
  return Secret(memory_of(out.get()));
}

}  // namespace berm

// src/net/certificate.h: the pieces of which berm's own certificates are made.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "net/openssl.h"

namespace berm {

using GeneralName = std::unique_ptr<GENERAL_NAME, OpensslFree<GENERAL_NAME_free>>;

struct CertificateValidity {
  std::time_t now;
  long seconds;
};

/// Who signs.
struct Issuer {
  X509* certificate = nullptr;
  EVP_PKEY* key = nullptr;
};

/// What a leaf is for (RFC 5280 §4.2.1.12).
inline constexpr const char* kServerAuth = "serverAuth";
inline constexpr const char* kClientAuth = "clientAuth";

// All of these: nullptr or false, with OpenSSL's queue saying why.

/// Of version 3, with a random serial number, valid from an hour ago, for `key`.
[[nodiscard]] Certificate blank_certificate(EVP_PKEY* key, CertificateValidity validity);
[[nodiscard]] bool set_subject(X509* certificate, const char* field, const std::string& value);
/// An extension in OpenSSL's own words (x509v3_config(5)): never with a value from outside.
[[nodiscard]] bool add_extension(X509* certificate, X509* issuer, int nid, const char* value);
/// GEN_DNS or GEN_IPADD.
[[nodiscard]] GeneralName make_general_name(int type, std::string_view bytes);
/// For one host, or one of berm's own programs, signed.
[[nodiscard]] Certificate make_leaf(const Issuer& issuer, EVP_PKEY* key, std::string_view host,
                                    const char* usage, CertificateValidity validity);

[[nodiscard]] std::string pem_of(X509* certificate);  ///< "" = it failed
[[nodiscard]] Secret pem_of(EVP_PKEY* key);           ///< PKCS #8; empty = it failed

}  // namespace berm

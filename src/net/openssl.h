// src/net/openssl.h: OpenSSL's objects with an owner, and its error queue as an Error.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berm {

/// Each of OpenSSL's types has a function of its own that frees it.
template <auto free_object>
struct OpensslFree {
  template <class Object>
  void operator()(Object* object) const noexcept {
    free_object(object);
  }
};

using SslContext = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, OpensslFree<SSL_free>>;
using Certificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
/// EVP_PKEY_free() wipes a private key before it gives the memory back (ec_key_free: clear_free).
using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using CertificateStore = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;

/// Another owner of the same context, which is read-only once it is set up.
[[nodiscard]] SslContext share(const SslContext& context);

/// Reads `bytes` in place; they must outlive the BIO.
[[nodiscard]] Bio read_only_bio(std::string_view bytes);

/// "<what>: <the first reason in OpenSSL's queue>"; empties the queue.
[[nodiscard]] tl::unexpected<Error> openssl_failure(Errc code, std::string what);

/// The oldest reason in OpenSSL's queue in words; empties the queue. "unknown" if there is none.
[[nodiscard]] std::string openssl_reason();

}  // namespace berm

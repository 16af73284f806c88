// src/net/upstream_trust.h: whom egress trusts outside, loaded before it loses every file.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "net/openssl.h"

namespace berm {

/// Where the host keeps the roots it trusts.
struct TrustSources {
  std::string file;       ///< SSL_CERT_FILE; PEM
  std::string directory;  ///< SSL_CERT_DIR; PEM files, several directories separated by ':'
};

/// The user's choice, as every program over OpenSSL reads it. Empty: the distribution's bundle.
[[nodiscard]] TrustSources trust_sources_from_environment();

/// The text of all roots the host trusts: those of `sources`, else of the first bundle there is of
/// those that distributions keep.
/// @return  Errc::unsupported  there is no bundle, or what `sources` names holds no certificate:
///                             falling back to another list would trust what the user took away.
[[nodiscard]] Result<std::string> read_host_roots(const TrustSources& sources);

/// A TLS client that trusts the roots in `pem` and nothing else, for TlsStream::connect().
///
/// @param pem  read_host_roots(), and extra roots behind it.
/// @post  OpenSSL has loaded all that it loads late (its configuration, providers, error
///        strings, libc's time zone): no handshake with this or with a RunAuthority opens a file
///        any more, and seccomp may forbid it. Call it before confining the process.
/// @return  Errc::unsupported  no certificate in `pem`, or one that is none.
[[nodiscard]] Result<SslContext> upstream_context(std::string_view pem);

/// Has `client` show `certificate` (PEM, with its chain) to servers that ask.
/// @return  Errc::usage  it is none, or `key` (PEM, not encrypted) is not its.
[[nodiscard]] Result<void> use_certificate(SSL_CTX* client, std::string_view certificate,
                                           const Secret& key);

}  // namespace berm

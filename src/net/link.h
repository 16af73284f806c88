// src/net/link.h: a connection between two of berm's own programs over a network that others use
// too. Both ends prove who they are by certificates that were made for this one link.
#pragma once

#include <chrono>
#include <string>

#include "base/secret.h"
#include "net/openssl.h"

namespace berm {

/// One end: PEM.
struct LinkEnd {
  std::string authority;  ///< whom it trusts: the link's own CA, whose key is gone
  std::string certificate;
  Secret key;
};
struct Link {
  LinkEnd server;
  LinkEnd client;
};

/// Makes both ends. No third certificate of that CA will ever exist.
/// @param name  what the server proves to be
/// @param valid  from now on
[[nodiscard]] Result<Link> make_link(const std::string& name, std::chrono::seconds valid);

/// TLS 1.3, for TlsStream::accept() and connect(): the peer must be the link's other end.
/// @return Errc::usage for what is no certificate, or another's key
[[nodiscard]] Result<SslContext> link_server(const LinkEnd& end);
[[nodiscard]] Result<SslContext> link_client(const LinkEnd& end);

}  // namespace berm

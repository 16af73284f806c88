// src/net/root_store.h: trusted roots in memory, each parsed when a chain first asks for it.
#pragma once

#include <string_view>

#include "net/openssl.h"

namespace berm {

/// A store of every certificate in `pem`. OpenSSL 3.0 takes a millisecond to parse one, of which a
/// host has 150 and a run meets three: here only their names are read beforehand.
///
/// "TRUSTED CERTIFICATE" blocks keep what they say about their use.
/// @return  Errc::unsupported  a block that says it is a certificate is none, or there is no block.
[[nodiscard]] Result<CertificateStore> make_root_store(std::string_view pem);

}  // namespace berm

// src/egress/trust_files.h: trust in the forms that programs read. Pure: text in, bytes out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// Java's default password of a trust store. It keeps nothing secret: it seeds a check sum.
inline constexpr std::string_view kJavaPassword = "changeit";

/// The certificates in `pem`, each in DER, in their order. Everything else in the text is skipped,
/// and so is a certificate whose armour does not decode.
[[nodiscard]] std::vector<std::string> der_certificates(std::string_view pem);

/// A Java key store (JKS version 2, which every Java reads) with `der_certificates` as trusted
/// entries "berm-1", "berm-2", …, for -Djavax.net.ssl.trustStore.
///
/// @param created  Milliseconds since 1970, the entries' date.
/// @see   sun.security.provider.JavaKeyStore.engineStore(), whose comments are the only
///        specification.
[[nodiscard]] std::string java_trust_store(std::span<const std::string> der_certificates,
                                           std::int64_t created = 0,
                                           std::string_view password = kJavaPassword);

/// One PEM file for programs that take only one (SSL_CERT_FILE): the system's roots, then the
/// run's.
[[nodiscard]] std::string bundle(std::string_view system_pem, std::string_view ca_pem);

}  // namespace berm

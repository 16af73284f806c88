// src/net/trust_files.h: trust in the forms that programs read. Pure: text in, bytes out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// Java's default password of a trust store. It keeps nothing secret: it seeds a check sum.
inline constexpr std::string_view kJavaPassword = "changeit";

/// What stands between "-----BEGIN <label>-----" and its end, decoded.
struct PemBlock {
  std::string label;
  std::string bytes;
  bool operator==(const PemBlock&) const = default;
};

/// Every block in `pem` whose armour decodes, in their order. Text between blocks is comment.
[[nodiscard]] std::vector<PemBlock> pem_blocks(std::string_view pem);

/// The certificates in `pem`, each in DER, in their order. OpenSSL's "TRUSTED CERTIFICATE" is left
/// out: it may say that it is not to be trusted, which other formats cannot say.
[[nodiscard]] std::vector<std::string> der_certificates(std::string_view pem);

/// A Java key store (JKS version 2, which every Java reads) with `der` as trusted certificates
/// "berm-1", "berm-2", …, for -Djavax.net.ssl.trustStore.
///
/// @param created  Milliseconds since 1970, the entries' date.
/// @see   sun.security.provider.JavaKeyStore.engineStore(), whose comments are the only
///        specification.
[[nodiscard]] std::string java_trust_store(std::span<const std::string> der,
                                           std::int64_t created = 0,
                                           std::string_view password = kJavaPassword);

/// One PEM file, for programs that take only one: the system's roots, then the run's.
[[nodiscard]] std::string bundle(std::string_view system_pem, std::string_view ca_pem);

}  // namespace berm

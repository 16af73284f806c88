// src/record/sha256.h: SHA-256 (FIPS 180-4) without OpenSSL's provider machinery, whose first use
// costs more than a sandbox.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <string>
#include <string_view>

namespace berm {

using Digest = std::array<unsigned char, 32>;

/// The bytes of a digest, or of a public key, which has as many.
[[nodiscard]] inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// A hash in progress.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// The object is spent by either.
  [[nodiscard]] Digest digest();
  /// The digest as 64 lower-case hex digits.
  [[nodiscard]] std::string hex();

 private:
  SHA256_CTX context_;
};

/// Of all of `bytes`, as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace berm

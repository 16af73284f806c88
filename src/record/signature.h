// src/record/signature.h: Ed25519 (RFC 8032), and texts signed with it in the form of the C2SP
// signed note (https://c2sp.org/signed-note), which the tools of transparency logs read.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace berm {

/// 32 bytes, as they are.
using PublicKey = std::array<unsigned char, 32>;

/// A public key in PEM (SubjectPublicKeyInfo) or as base64 of its 32 bytes.
[[nodiscard]] std::optional<PublicKey> parse_public_key(std::string_view text);
/// PEM, as `openssl pkey -pubin` reads it.
[[nodiscard]] std::string to_pem(const PublicKey& key);

/// Who can sign. Its memory is OpenSSL's, which wipes it.
class SigningKey {
 public:
  [[nodiscard]] static Result<SigningKey> generate();
  /// PEM (PKCS #8, without a passphrase) or base64 of the 32 bytes of RFC 8032 §5.1.5.
  [[nodiscard]] static Result<SigningKey> parse(std::string_view text);

  [[nodiscard]] const PublicKey& public_key() const { return public_; }
  /// What parse() reads: base64 of the 32 bytes.
  [[nodiscard]] Result<Secret> seed() const;
  /// 64 bytes; "" if OpenSSL fails.
  [[nodiscard]] std::string sign(std::string_view text) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  };
  [[nodiscard]] static Result<SigningKey> from(EVP_PKEY* key);
  std::unique_ptr<EVP_PKEY, Free> key_;
  PublicKey public_{};
};

[[nodiscard]] bool is_signed_by(const PublicKey& key, std::string_view text,
                                std::string_view signature);

/// `text` ends with a line feed; `name` is who signs, without blanks and '+'.
[[nodiscard]] std::string signed_note(std::string_view text, std::string_view name,
                                      const PublicKey& key, std::string_view signature);

/// A note with the one signature that ours have.
struct SignedNote {
  std::string text;  ///< what is signed, with its last line feed
  std::string name;
  std::string key_hash;   ///< 4 bytes
  std::string signature;  ///< 64 bytes
};
[[nodiscard]] std::optional<SignedNote> parse_note(std::string_view note);
[[nodiscard]] bool is_signed_by(const PublicKey& key, const SignedNote& note);

/// "NAME+HASH+KEY": what other tools know a signer by.
[[nodiscard]] std::string verifier_key(std::string_view name, const PublicKey& key);

/// The first 16 hex digits of the key's SHA-256: for people.
[[nodiscard]] std::string fingerprint(const PublicKey& key);

}  // namespace berm

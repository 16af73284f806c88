#include "credentials/jwt.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "net/openssl.h"

namespace berm {
namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

// OpenSSL would ask the terminal for a pass phrase.
int no_pass_phrase(char*, int, int, void*) { return -1; }

Result<PrivateKey> read_key(const Secret& pem) {
  const Bio bio = read_only_bio(pem.reveal());
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  const char* const fix = "name the PEM file that the issuer gave, without a pass phrase";
  if (!key) {
    Error error = openssl_failure(Errc::denied, "read the private key").value();
    error.fix = fix;
    return tl::unexpected(error);
  }
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key.get()) < 2048) {
    return failure(Errc::denied, "sign with the private key: it is not RSA of 2048 bits or more",
                   fix);
  }
  return key;
}

}  // namespace

Result<Secret> sign_rs256(const Secret& key_pem, std::string_view claims) {
  const PrivateKey key = BERM_TRY(read_key(key_pem));
  const std::string input = base64url(R"({"alg":"RS256","typ":"JWT"})") + "." + base64url(claims);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(input.data());
  const DigestContext digest(EVP_MD_CTX_new());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                     input.size()) != 1) {
    return openssl_failure(Errc::internal, "sign a token");
  }
  signature.resize(size);
  return Secret(input + "." + base64url(signature));
}

std::optional<WallTime> claimed_expiry(std::string_view token) {
  const std::vector<std::string_view> parts = split(token, '.');
  if (parts.size() != 3) return std::nullopt;
  const std::optional<std::string> payload = base64_decoded(parts[1]);
  if (!payload) return std::nullopt;
  const nlohmann::json claims = nlohmann::json::parse(*payload, nullptr, false);
  if (!claims.is_object() || !claims.contains("exp") || !claims["exp"].is_number()) {
    return std::nullopt;
  }
  const auto seconds = claims["exp"].get<double>();
  if (!(seconds > 0 && seconds < 253402300800.0)) return std::nullopt;
  return WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

}  // namespace berm

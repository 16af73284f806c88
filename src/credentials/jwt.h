// src/credentials/jwt.h: JSON Web Tokens, RFC 7519.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/wall_time.h"

namespace berm {

/// Signs `claims`, a JSON object, with RS256 (RFC 7518 §3.3).
///
/// @param key_pem  An RSA private key, PKCS#1 or PKCS#8, without a pass phrase.
/// @return  Errc::denied  the key is not one of these.
[[nodiscard]] Result<Secret> sign_rs256(const Secret& key_pem, std::string_view claims);

/// The `exp` of a token that somebody else signed and will check; nullopt if it is no JWT or names
/// none. For the user only: nothing is verified.
[[nodiscard]] std::optional<WallTime> claimed_expiry(std::string_view token);

}  // namespace berm

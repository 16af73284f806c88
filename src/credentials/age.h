// src/credentials/age.h: how old a static key is, and whether that is too old.
#pragma once

#include <optional>
#include <string>

#include "credentials/provider.h"

namespace berm {

/// What is known of a static key's age.
struct KeyAge {
  std::optional<WallTime> created;
  std::optional<WallTime> expires;
  std::string basis;   ///< "declared", "file", "Anthropic Admin API", "IAM"; "" if nothing says it
  std::string status;  ///< as the issuer says: "active"; "" if nobody was asked
  std::string key_id;  ///< as the issuer names it, for disable_anthropic_key()
  std::string why_unknown;  ///< what kept the issuer that was asked from telling `created`
  std::string fix;          ///< for that
  bool operator==(const KeyAge&) const = default;
};

enum class AgeVerdict : std::uint8_t { unknown, fresh, warn, exceeded };

/// `warn` from 80 % of `max_age` on, and within a week of its own expiry. Pure.
[[nodiscard]] AgeVerdict judge_age(const KeyAge& age, std::optional<Milliseconds> max_age,
                                   WallTime now);

/// The age of the static `source`: the issuer's word (with.admin; of AWS keys under max_age, IAM's)
/// before the declared date (`issued`), before the file's modification time.
///
/// @param value  The key, to find it among the issuer's.
[[nodiscard]] Result<KeyAge> check_age(const MintContext& context, const CredentialSource& source,
                                       const Secret& value);

/// Refuses a key that is older than `max_age`, or is not active, or whose age nobody can tell
/// although there is a limit. @return the note for the user; "" if there is nothing to say.
[[nodiscard]] Result<std::string> refuse_if_old(const CredentialSource& source, const KeyAge& age);

/// One Anthropic API key as the Admin API lists it.
/// @see  Anthropic Admin API, GET /v1/organizations/api_keys.
[[nodiscard]] Result<KeyAge> find_anthropic_key(const MintContext& context,
                                                const CredentialSource& source,
                                                const Secret& value);

/// The AWS key `value` as IAM lists it, asked in the key's own name (iam:ListAccessKeys). Without
/// `created` and with `why_unknown` if the key may not ask, or is a temporary one.
/// @return  Errc::denied  IAM does not know the key, or its answer cannot be trusted;
///          Errc::kernel  IAM cannot be reached.
/// @see  IAM API Reference, ListAccessKeys.
[[nodiscard]] Result<KeyAge> find_aws_key(const MintContext& context,
                                          const CredentialSource& source, const Secret& value);

/// Sets the key's status to "inactive". `key_id` from find_anthropic_key() or with.key_id.
[[nodiscard]] Result<void> disable_anthropic_key(const MintContext& context,
                                                 const CredentialSource& source,
                                                 const std::string& key_id);

/// True if `value` begins and ends as `hint` ("sk-ant-api03-R2D...igAA") shows. Pure.
[[nodiscard]] bool matches_hint(std::string_view value, std::string_view hint);

}  // namespace berm

// src/rules/aws/aws_key.h: the credentials that sign requests to AWS. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace berm {

/// A key of AWS. Move-only, wiped when dropped.
struct AwsKey {
  std::string access_key_id;            ///< travels in clear in every request
  Secret secret_access_key;             ///< never travels: only signs
  std::optional<Secret> session_token;  ///< of temporary credentials; travels beside the signature
};

/// Reads {"AccessKeyId": …, "SecretAccessKey": …, "SessionToken": …} (the output of a
/// credential_process, or what STS has under "Credentials"; other members are ignored, a null or
/// empty token is none) or AKID:SECRET[:TOKEN], with blanks around the whole.
///
/// @return Errc::usage  neither of the two, or a part is missing, too long, or not printable ASCII
///         without blanks: it would end up in a header. The text is never in the message.
/// @post   The caller's text is the caller's to wipe.
[[nodiscard]] Result<AwsKey> parse_aws_key(std::string_view text);

}  // namespace berm

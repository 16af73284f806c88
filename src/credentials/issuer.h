// src/credentials/issuer.h: asking an issuer, and trusting nothing of its answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "credentials/provider.h"

namespace berm {

/// One question to an issuer.
struct Question {
  std::string step;  ///< "exchange the identity for a token", for the user
  HttpsRequest request;
  std::string fix;  ///< what to look at if the issuer refuses
};

/// The answer to `question`: a JSON object, or an empty one for 204 and empty bodies.
///
/// @return  Errc::denied  a status other than 2xx; `what` holds the step, the status and the
///                        issuer's own words, escaped, cut to 300 bytes, without the secrets that
///                        were sent; or an answer that is not a JSON object.
[[nodiscard]] Result<nlohmann::json> ask(const MintContext& context, const Question& question);

/// `body` parsed; discarded if it is no JSON or nested more than 32 levels. Pure.
[[nodiscard]] nlohmann::json parse_answer(std::string_view body);

/// Takes the string `key` out of `answer`, as something that may stand in a header: visible ASCII
/// and blanks inside, at most 32 KiB. A line feed in it would begin another header.
[[nodiscard]] Result<Secret> take_token(nlohmann::json& answer, const std::string& key);
[[nodiscard]] bool is_header_value(std::string_view text);

/// `key` of `answer` in seconds from now on: a number, or digits in a string (Azure).
/// @return  Errc::denied  it is missing, or not after now: the credential is dead already.
[[nodiscard]] Result<WallTime> take_lifetime(const nlohmann::json& answer, const std::string& key);
/// `key` as a date: RFC 3339, or seconds since 1970 (STS).
[[nodiscard]] Result<WallTime> take_expiry(const nlohmann::json& answer, const std::string& key);

/// `key` of `answer` if it is a string, else "".
[[nodiscard]] std::string text_of(const nlohmann::json& answer, const std::string& key);

/// `value` as one line, wherever a dump of bytes from outside may be shown or stored.
[[nodiscard]] std::string dumped(const nlohmann::json& value);

/// The same, straight into the memory of a secret.
[[nodiscard]] Secret dumped_secret(const nlohmann::json& value);

/// The issuer's words about why it refuses, from the places where issuers put them. Pure.
[[nodiscard]] std::string refusal_words(std::string_view body,
                                        const std::vector<std::string_view>& secrets);

}  // namespace berm

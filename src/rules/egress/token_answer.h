// src/rules/egress/token_answer.h: what the token service of a container registry answers with.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/wall_time.h"

namespace berm {

/// @see  Docker Registry, "Token Authentication Specification": token or access_token, expires_in,
///       issued_at. What else there is (refresh_token: good for more tokens, for ever) stays out.
struct TokenAnswer {
  Secret token;
  std::optional<std::int64_t> expires_in;  ///< seconds
  std::optional<WallTime> issued_at;
};

/// @return Errc::denied  not a JSON object with one token (two names may give it twice); a token
///         that cannot stand in a header, or is shorter than 16 bytes or longer than 32 KiB; a life
///         that is none.
[[nodiscard]] Result<TokenAnswer> read_token_answer(std::string_view body);

/// The same answer with `placeholder` for the token, under both names.
[[nodiscard]] std::string write_token_answer(const TokenAnswer& answer,
                                             std::string_view placeholder);

/// The token of an Authorization header's value: "Bearer TOKEN". "" if it is none.
[[nodiscard]] std::string_view bearer_token(std::string_view authorization);

}  // namespace berm

// src/base/base64.h: RFC 4648.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berm {

[[nodiscard]] std::string base64(std::string_view bytes);     ///< §4, padded
[[nodiscard]] std::string base64url(std::string_view bytes);  ///< §5, without padding (RFC 7515)
/// Either alphabet, with or without padding; nullopt for anything else.
[[nodiscard]] std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace berm

// src/redact/forms.h: the ways a secret may be written.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "redact/wiped.h"

namespace berm {

/// One way to write a secret. A unit is what may not be cut: one character of base64, the two
/// digits of a byte in hexadecimal.
struct SecretForm {
  /// The bytes of the secret that a unit is made of: [first, last). Padding is made of none.
  struct Unit {
    std::uint32_t first;
    std::uint32_t last;
  };
  Wiped<char> text;
  std::vector<std::uint32_t> starts;  ///< of each unit in `text`, and at the end text.size()
  std::vector<Unit> units;
};

/// As it is and reversed; base64 (both alphabets, every alignment), hexadecimal, percent-encoded,
/// JSON-escaped (as JSON demands, as Go and PHP do it, everything as \u00XX); lower and upper case.
/// The same text may come twice.
[[nodiscard]] std::vector<SecretForm> forms_of(std::string_view value);

/// Only as it is.
[[nodiscard]] SecretForm plain_form(std::string_view value);

}  // namespace berm

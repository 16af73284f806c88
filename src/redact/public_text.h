// src/redact/public_text.h: what of a secret everybody knows.
#pragma once

#include <string_view>
#include <vector>

namespace berm {

/// For each byte of `value`: is it of an issuer's prefix, a file format's header, a PEM frame? A
/// part of a secret that is public throughout says nothing, and hiding it would hide much else.
[[nodiscard]] std::vector<bool> public_bytes(std::string_view value);

}  // namespace berm

// src/rules/egress/http_head.h: is the head of an HTTP/1.1 request one that every parser reads the
// same way? Pure. Asked before a parser sees the bytes.
#pragma once

#include <string>
#include <string_view>

namespace berm {

/// Where a head ends and how long it may be.
inline constexpr std::size_t kMaxRequestHead = 64 << 10;

/// Length of the head at the beginning of `bytes`, its empty line included; 0 if it is not
/// complete.
[[nodiscard]] std::size_t head_length(std::string_view bytes);

/// Why the head of a request (RFC 9112), up to and including its empty line, is ambiguous or beyond
/// a limit; "" if it is not. Refused: bare CR or LF, NUL, obs-fold, a space before the colon, a
/// method or target with odd bytes, another version than 1.0 and 1.1, more than 100 fields, no or
/// two Hosts, two or signed or listed Content-Lengths, Transfer-Encoding other than "chunked" or
/// beside Content-Length or in HTTP/1.0 (request smuggling: RFC 9112 §11.2).
[[nodiscard]] std::string why_ambiguous(std::string_view head);

}  // namespace berm

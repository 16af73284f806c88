// src/base/text.h: text that came from somebody else, made safe to show; nearest names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// `text` with every byte that a terminal would act on written as \xNN (or \n, \t, \e): control
/// characters, DEL, C1 controls, invalid UTF-8, and bidi or zero-width characters as \u{XXXX}.
/// File names, branch names and agent output reach a terminal only through this.
[[nodiscard]] std::string printable(std::string_view text);

/// "%41" becomes "A"; what is no escape stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text);

/// RFC 3986: everything but unreserved characters becomes "%XX".
[[nodiscard]] std::string percent_encoded(std::string_view text);

/// True if `text` has no byte but those from ' ' to '~'.
[[nodiscard]] bool is_printable_ascii(std::string_view text);

/// As printable(), but line feeds stay: for blocks that we laid out ourselves.
[[nodiscard]] std::string printable_block(std::string_view text);

/// A terminal's view of agent output: as printable_block(), and tabs, carriage returns and SGR
/// colour sequences (ESC [ digits m) stay. Everything else an escape sequence could do (title,
/// clipboard by OSC 52, device queries) is shown, not done.
[[nodiscard]] std::string terminal_safe(std::string_view text);

/// Decodes one code point at `at`. Returns its length in bytes; 0 if the bytes are not UTF-8
/// (overlong forms, surrogates and values above U+10FFFF are not).
[[nodiscard]] std::size_t decode_utf8(std::string_view text, std::size_t at, char32_t& out);

/// Characters that reorder or hide text: bidi controls, zero-width, tag characters, BOM inside.
/// See CVE-2021-42574 (Trojan Source) and Unicode TR36.
[[nodiscard]] bool is_hidden_character(char32_t c);

/// The candidate with the smallest edit distance to `word`, or "" if none is near enough.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

/// Splits at every `separator`; "a,,b" has an empty middle, "" gives one empty part.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);  ///< ASCII only.
[[nodiscard]] std::string to_hex(std::span<const unsigned char> bytes);
[[nodiscard]] std::string from_hex(std::string_view hex);  ///< "" if it is not hexadecimal
[[nodiscard]] bool is_hex(std::string_view text);

}  // namespace berm

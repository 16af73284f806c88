// src/redact/patterns.h: what credentials look like, one rule a kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace berm {

enum class Certainty : std::uint8_t {
  likely,   ///< hidden in the record; too weak to refuse a change for
  certain,  ///< the issuer's own mark: the guard refuses a change that brings it
};

/// Where a rule's keyword may stand.
enum class Keyword : std::uint8_t {
  word,      ///< exactly so, at the start of a word: "mapi_" is no "api_"
  anywhere,  ///< in either case, also within a word
  pair,      ///< "://" and "Q~", found on a path of their own
};

/// The bytes a secret may consist of; the first other one ends it.
enum class Alphabet : std::uint8_t { word, token, base64, userinfo, value, label };
using ByteSet = std::array<bool, 256>;
inline constexpr std::size_t kAlphabets = 6;
[[nodiscard]] const ByteSet& bytes_of(Alphabet alphabet);
[[nodiscard]] inline bool is_in(const ByteSet& set, char c) {
  return set[static_cast<unsigned char>(c)];
}
[[nodiscard]] inline bool is_in(Alphabet alphabet, char c) { return is_in(bytes_of(alphabet), c); }

enum class Extra : std::uint8_t {
  none,
  random,  ///< letters and digits, three bits of entropy a character: no word, no identifier
  jwt,     ///< ".eyJ" stands in it
  key,     ///< a PEM frame's first line: the key behind it is a part of the secret
};

/// A credential is a keyword, then what `lead` matches, then what `secret` matches (its group, if
/// it has one). An empty `lead`: the secret begins with the keyword. RE2 syntax, on bytes, longest
/// match. At most kLead bytes are looked at for `lead`, kSecret for `secret`; a secret that fills
/// those goes on as long as its alphabet does.
struct PatternRule {
  static constexpr std::size_t kLead = 64;
  static constexpr std::size_t kSecret = 1024;

  std::string_view kind;  ///< as it is shown: "[redacted:KIND]"
  Certainty certainty;
  Keyword where;
  std::string_view keywords;  ///< separated by one space; at least 3 bytes ("anywhere": 6, small)
  std::string_view lead;
  std::string_view secret;
  Alphabet alphabet;
  Extra extra = Extra::none;
};

[[nodiscard]] std::span<const PatternRule> pattern_rules();

/// False if nothing that begins with `next` matches the rule's lead. Cheaper than to try: names
/// like "token" are frequent in code, mostly with something else behind them.
[[nodiscard]] bool may_begin_lead(const PatternRule& rule, char next);

/// The kind of a credential in `line` that is certain, or "". For the guard.
[[nodiscard]] std::string_view credential_in(std::string_view line);

}  // namespace berm

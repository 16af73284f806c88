// src/redact/credentials.h: applies the pattern rules, to texts that may not be complete yet.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "redact/keywords.h"
#include "redact/patterns.h"
#include "redact/span.h"

namespace re2 {
class RE2;
}

namespace berm {

/// A keyword that was found, and how far its judgement has come.
struct Candidate {
  KeywordHit hit;
  std::size_t alphabet_to = 0;  ///< bytes before this are in the rule's alphabet, or before it
  std::size_t secret = 0;       ///< where the secret would begin; 0: not known yet
};

/// What was read of one text already, so that keywords one behind the other ("-eyJ-eyJ-eyJ…") do
/// not make it be read again for each. Drop it when the text changes.
class Readings {
 public:
  /// The end of what is in the alphabet from `begin` on; at most `limit`.
  [[nodiscard]] std::size_t end_of_run(Alphabet alphabet, std::string_view text, std::size_t begin,
                                       std::size_t limit);
  /// Where the second part of a JWT (".eyJ") may begin, at `begin` or later; or text.size().
  [[nodiscard]] std::size_t find_claims(std::string_view text, std::size_t begin);
  [[nodiscard]] bool has_digit(std::string_view text, std::size_t begin, std::size_t end);

  /// `span` is a secret that takes the whole rest of its alphabet's run: what begins in it ends in
  /// it too and need not be judged.
  void cover(Alphabet alphabet, const SecretSpan& span);
  [[nodiscard]] bool is_covered(Alphabet alphabet, std::size_t begin) const;

 private:
  struct Stretch {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::array<Stretch, kAlphabets> runs_;  ///< are in the alphabet
  Stretch without_claims_;  ///< what find_claims() looks for begins at its end, and not earlier
  Stretch no_digit_;        ///< so a digit
  std::array<Stretch, kAlphabets> covered_;
};

/// What continues a secret beyond what its rule has looked at.
struct Tail {
  Alphabet alphabet = Alphabet::word;
  bool is_key = false;     ///< to the end of the PEM frame, see advance()
  SecretSpan span;         ///< so far
  std::size_t dashes = 0;  ///< PEM: in a row, before span.end
  std::size_t frames = 0;  ///< PEM: rows of five dashes seen
  std::size_t taken = 0;   ///< bytes, since the tail began
};

/// Lets `tail` take what belongs to it of `text` from span.end on.
/// @return  Whether it may take what follows `text` too.
[[nodiscard]] bool advance(Tail& tail, std::string_view text);

/// The rules, ready to run. Regular expressions are compiled when first needed: all of them would
/// cost milliseconds at every start. Const members may be called by several threads.
class Credentials {
 public:
  explicit Credentials(std::span<const PatternRule> rules);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  ~Credentials();

  /// Those of pattern_rules(). Never changes, so that all may share it.
  [[nodiscard]] static const Credentials& shared();

  enum class Verdict : std::uint8_t { refused, found, open };

  /// Judges `candidate` by `text`. `found` sets `tail`: its span is the secret, and advance() says
  /// whether it goes on. `open` is only said if not `complete`; then hold_from() says what of the
  /// text may be secret. What `readings` covers is refused. More text never turns a `refused` or a
  /// `found`.
  [[nodiscard]] Verdict judge(Candidate& candidate, std::string_view text, bool complete,
                              std::optional<Tail>& tail, Readings& readings) const;

  /// text_size if nothing, because the secret's beginning is not here yet.
  [[nodiscard]] std::size_t hold_from(const Candidate& candidate, std::size_t text_size) const;

  [[nodiscard]] const Keywords& keywords() const noexcept { return keywords_; }
  [[nodiscard]] const PatternRule& rule(std::size_t number) const { return rules_[number]; }

 private:
  struct Compiled {
    std::once_flag once;
    std::unique_ptr<re2::RE2> lead;
    std::unique_ptr<re2::RE2> secret;
  };

  [[nodiscard]] const Compiled& compiled(std::size_t number) const;
  [[nodiscard]] bool find_lead(Candidate& candidate, std::string_view text) const;

  std::span<const PatternRule> rules_;
  Keywords keywords_;
  mutable std::deque<Compiled> compiled_;  ///< filled under its once_flag
};

}  // namespace berm

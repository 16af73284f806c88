// src/redact/stream.h: hides secrets in bytes that arrive piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "redact/credentials.h"
#include "redact/known_secrets.h"
#include "redact/wiped.h"

namespace berm {

/// Which credentials are hidden besides the known ones.
enum class Patterns : std::uint8_t { none, all };

/// Replaces every secret by "[redacted:NAME]", NAME being the known secret's name or the rule's
/// kind. Secrets that overlap become one, under the name of the one that begins first (known ones
/// before kinds). What comes out in total depends on the bytes alone, not on how they were split.
///
/// Held back is only an end of the text that may be the beginning of a secret: less than the
/// longest needle (KnownSecrets::longest(): 72 bytes; up to 1542 where a secret has a stretch that
/// makes no part; a placeholder's own length), or at most PatternRule::kSecret +
/// Keywords::longest() bytes, whichever is more.
///
/// One thread at a time. `known` must outlive the stream and may grow between two calls; what it
/// learns is found from then on. What is held is wiped when dropped.
class RedactingStream {
 public:
  explicit RedactingStream(const KnownSecrets& known, Patterns patterns = Patterns::all)
      : known_(known), patterns_(patterns) {}

  /// @return  What may be passed on now.
  [[nodiscard]] std::string feed(std::string_view chunk);

  /// Gives out what is held, for a terminal that has gone quiet: a prompt must be seen before it is
  /// answered. The consequence: a secret whose beginning was held is then seen in part, namely
  /// fewer than 12 characters of a known one (12 bytes in other encodings than base64), and of a
  /// credential that only a rule knows whatever had come. The rest of it is still hidden when it
  /// comes.
  [[nodiscard]] std::string flush();

  /// The end: what is held, judged as complete. Then the stream begins anew.
  [[nodiscard]] std::string finish();

  [[nodiscard]] std::size_t held() const noexcept { return buffer_.size() - out_; }

 private:
  struct Found {
    SecretSpan span;
    bool is_known;
  };

  [[nodiscard]] std::string_view text() const { return buffer_.view(); }
  void take(std::string_view piece, std::string& out);
  void find_known();
  void find_patterns(bool complete);
  void judge_candidates(bool complete);
  void continue_tails();
  void emit(std::size_t limit, std::string& out);
  void hide(const Found& found, std::size_t limit, std::string& out);
  void forget();

  const KnownSecrets& known_;
  Patterns patterns_;
  // Every offset below counts from the buffer's beginning and moves when forget() cuts it.
  WipedBuffer buffer_;                 ///< what is held, and before it what judgements still need
  std::size_t out_ = 0;                ///< bytes that have been given out, or hidden
  std::size_t hidden_to_ = 0;          ///< the end of the secret that was named last
  std::size_t known_from_ = 0;         ///< known secrets that begin before are found
  std::size_t scanned_to_ = 0;         ///< keywords that end before are found
  std::size_t hold_ = 0;               ///< bytes from here on may be the beginning of a credential
  std::vector<Found> found_;           ///< not passed yet
  std::vector<SecretSpan> spans_;      ///< kept for its memory
  std::vector<KeywordHit> hits_;       ///< kept for its memory
  std::vector<Candidate> candidates_;  ///< not decided yet
  std::vector<Tail> tails_;            ///< not ended yet
};

}  // namespace berm

// src/redact/known_secrets.h: the secrets of a run, recognised in whatever form they turn up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "redact/needles.h"
#include "redact/span.h"

namespace berm {

struct SecretForm;

/// How a value is looked for.
enum class Recognise : std::uint8_t {
  every_form,  ///< encoded and in part: for secrets
  whole_only,  ///< exactly as it is: for placeholders
};

/// Finds secrets as they are, in every form of forms_of(), and in part: any 12 units of a form in a
/// row (12 characters of the value or of its base64, 12 bytes in hexadecimal), unless every byte
/// of them is public (see public_bytes()) or they repeat one byte. A value is also found with its
/// public beginning, which then is hidden with it.
///
/// Not found: fewer than 12 units of a value; what was compressed, encrypted or encoded twice; in
/// base64, up to four bits on either side that share a character with what stands beside.
///
/// There is no way to get a value out again, and its memory is wiped. Const members may be called
/// by several threads, add() by one that is alone.
class KnownSecrets {
 public:
  static constexpr std::size_t kPart = 12;        ///< units that make a part
  static constexpr std::size_t kShortest = 6;     ///< bytes; shorter ones are words of many texts
  static constexpr std::size_t kLongest = 65536;  ///< bytes

  KnownSecrets() = default;

  /// Values below kPart bytes are found as a whole only, encoded or not. Line ends at the end of
  /// `value` (files have them) are no part of it.
  ///
  /// @param name  What readers see: "[redacted:NAME]". 1..64 characters, no control characters, no
  ///              brackets.
  /// @return  Errc::invalid_policy  the name; a value shorter than kShortest or longer than
  ///          kLongest; a long value that is all public or all one byte, so that there is no part
  ///          that could be looked for.
  [[nodiscard]] Result<void> add(std::string_view name, std::string_view value,
                                 Recognise recognise = Recognise::every_form);

  /// Appends where secrets are that begin at `from` or later, in no order; labels count names().
  void find(std::string_view text, std::size_t from, std::vector<SecretSpan>& out) const;

  /// Where the longest end of `text` begins that may be the beginning of a secret.
  [[nodiscard]] std::size_t unfinished_from(std::string_view text) const;

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] bool empty() const noexcept { return names_.empty(); }
  /// No more than this, less one byte, is ever unfinished.
  [[nodiscard]] std::size_t longest() const noexcept;

 private:
  void add_needle(const SecretForm& form, std::size_t first, std::size_t last);
  void add_whole(const SecretForm& form);
  void add_parts(const SecretForm& form, const std::vector<bool>& telling);
  void add_dull(const SecretForm& form, std::size_t begin, std::size_t end);

  std::vector<std::string> names_;
  Needles parts_ = Needles(kPart);
  Needles short_ = Needles(kShortest);
  std::size_t kept_at_ = 0;  ///< of the form that is being added, in parts_
};

}  // namespace berm

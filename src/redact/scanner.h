// src/redact/scanner.h: does a body that leaves hold a secret?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "redact/known_secrets.h"
#include "redact/wiped.h"

namespace berm {

/// Looks for known secrets, or placeholders (Recognise::whole_only), in bytes that arrive piece by
/// piece. Changes nothing and holds nothing back: a caller that must not let a secret's beginning
/// out keeps the last `known.longest() - 1` bytes itself. One thread at a time; `known` must
/// outlive it.
class Scanner {
 public:
  explicit Scanner(const KnownSecrets& known) : known_(known) {}

  /// @return  The name of the first secret, by where it begins, that was complete at the end of a
  ///          chunk; "" if none. Once found, it stays.
  std::string_view feed(std::string_view chunk);

 private:
  void note_first(std::string_view text, std::size_t from);

  const KnownSecrets& known_;
  WipedBuffer end_;  ///< of what was fed: from where a secret may go on
  std::vector<SecretSpan> spans_;
  std::string found_;  ///< not a view: `known` may grow
};

}  // namespace berm

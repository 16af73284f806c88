// src/record/checkpoint.h: what is signed of a record while it grows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/sha256.h"
#include "record/signature.h"

namespace berm {

/// The first `size` events of a run's record, in the form of a C2SP tlog-checkpoint: origin
/// "berm/RUN", size, root in base64, and two lines of our own, "head HEX" and "time RFC3339".
struct Checkpoint {
  std::string run;
  std::uint64_t size = 0;
  Digest root{};
  std::string head;  ///< hash of the event before it
  std::string time;
  bool operator==(const Checkpoint&) const = default;
};
[[nodiscard]] std::string to_text(const Checkpoint& checkpoint);
[[nodiscard]] std::optional<Checkpoint> parse_checkpoint(std::string_view text);

/// The key of one run: made for it and gone with it, so that nothing that lasts can be stolen from
/// the process that writes. Whoever keeps a key that lasts says, signed with it, whose it is.
struct RunKeyClaim {
  std::string run;
  PublicKey key{};
  std::string time;
};
[[nodiscard]] std::string to_text(const RunKeyClaim& claim);
[[nodiscard]] std::optional<RunKeyClaim> parse_run_key_claim(std::string_view text);

/// Who signs, in notes.
[[nodiscard]] std::string run_signer(std::string_view run);  ///< "berm/RUN"
inline constexpr std::string_view kLastingSigner = "berm-audit";

}  // namespace berm

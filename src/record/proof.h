// src/record/proof.h: what somebody without the record can check: that an event is in it, and that
// it only grew.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "record/verify.h"

namespace berm {

/// Event `sequence` with its way to the root that the last checkpoint signs, as one JSON object
/// (docs/record.md). `text` is the whole record.
/// @return  Errc::usage  there is no such event, or none signed it yet;
///          Errc::denied  the record is not intact.
[[nodiscard]] Result<nlohmann::json> prove_event(std::string_view text, std::uint64_t sequence);

/// That the first `older` events, whose root somebody kept, are the beginning of what the last
/// checkpoint signs.
[[nodiscard]] Result<nlohmann::json> prove_record_growth(std::string_view text,
                                                         std::uint64_t older);

struct ProofCheck {
  bool holds = false;
  std::string what;  ///< in a sentence, either way
  std::string run;
  std::string event;  ///< the line that is proven; "" of growth
  bool certified = false;
};
/// Checks either. `key` lasts; without it the run's own key vouches for itself.
[[nodiscard]] ProofCheck check_proof(const nlohmann::json& proof,
                                     const std::optional<PublicKey>& key);

}  // namespace berm

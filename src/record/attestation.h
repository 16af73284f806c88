// src/record/attestation.h: what a run was and what came of it, as an in-toto statement
// (https://github.com/in-toto/attestation, v1) in a DSSE envelope
// (https://github.com/secure-systems-lab/dsse).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "record/verify.h"

namespace berm {

inline constexpr std::string_view kStatementType = "application/vnd.in-toto+json";
inline constexpr std::string_view kRunPredicate = "urn:berm:agent-run:v1";

/// Where a record ends, as its writer or its verifier knows it.
struct RecordEnd {
  std::string run;
  std::size_t events = 0;
  std::string head;        ///< hash of the last event
  std::string checkpoint;  ///< note of the last checkpoint
  std::string key;         ///< fingerprint
};

/// From the record alone. Subjects: the digest of the changes, and each commit that a reference got
/// (gitCommit). Predicate: run, agent, models, policy, enforcement, materials (base commit, lock
/// files), the record's size, head and Merkle root, verdict, times.
/// @return  Errc::denied  the record is not intact, or has no end.
[[nodiscard]] Result<nlohmann::json> statement_of(std::string_view record);
/// The same by who wrote it a moment ago and need not check it.
[[nodiscard]] nlohmann::json statement_of(std::string_view record, const RecordEnd& end);

/// Each of `keys` signs; a key's id is its fingerprint().
[[nodiscard]] nlohmann::json dsse_envelope(const nlohmann::json& statement,
                                           const std::vector<const SigningKey*>& keys);

struct AttestationCheck {
  bool holds = false;
  std::string what;       ///< in a sentence, either way
  std::string statement;  ///< JSON; "" unless the signature holds
};
/// True if `key` signed it. With `record`, also that it says of that record what the record says.
[[nodiscard]] AttestationCheck check_attestation(const nlohmann::json& envelope,
                                                 const PublicKey& key,
                                                 std::optional<std::string_view> record);

}  // namespace berm

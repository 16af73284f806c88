// src/credentials/outcome.h: how credentials ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/wall_time.h"
#include "credentials/lease.h"

namespace berm {

enum class LeaseEnd : std::uint8_t {
  revoked,  ///< its issuer has ended it
  lives,    ///< nothing can end it before `until`
  failed,   ///< `why`; the next berm tries again
};
[[nodiscard]] std::string_view name_of(LeaseEnd end);

/// How one credential of a run ended.
struct RevokeOutcome {
  std::string name;  ///< of the grant
  LeaseEnd end = LeaseEnd::failed;
  std::optional<WallTime> until;  ///< it dies then at the latest; nullopt: nobody knows
  std::string why;
  bool operator==(const RevokeOutcome&) const = default;
};

struct RefusedCredential {
  std::string name;  ///< of the grant
  Error error;
};

/// How it went where one credential of a run was refused: the others had been minted, and were
/// ended.
struct FailedMint {
  std::vector<RefusedCredential> refused;  ///< in the order of the sources
  std::vector<LeaseReport> minted;
  std::vector<RevokeOutcome> ended;  ///< of `minted`
};

/// A credential of an earlier run that had no end.
struct RecoveredLease {
  std::string run;
  std::string issuer;  ///< "" if it is not known that it came to be
  std::string from;    ///< its source
  RevokeOutcome outcome;
  bool operator==(const RecoveredLease&) const = default;
};

}  // namespace berm

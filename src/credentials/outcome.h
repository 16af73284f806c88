// src/credentials/outcome.h: how credentials ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/wall_time.h"

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

/// A credential of an earlier run that had no end.
struct RecoveredLease {
  std::string run;
  std::string issuer;  ///< "" if it is not known that it came to be
  std::string from;    ///< its source
  RevokeOutcome outcome;
  bool operator==(const RecoveredLease&) const = default;
};

}  // namespace berm

// src/credentials/protocol.h: what supervisor and broker write to each other and to the journal.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "base/result.h"
#include "credentials/lease.h"
#include "credentials/outcome.h"
#include "policy/credential_source.h"

namespace berm {

[[nodiscard]] nlohmann::json to_json(const CredentialSource& source);
[[nodiscard]] nlohmann::json to_json(const LeaseHandle& handle);
[[nodiscard]] nlohmann::json to_json(const LeaseReport& report);
[[nodiscard]] nlohmann::json to_json(const RevokeOutcome& outcome);
[[nodiscard]] nlohmann::json to_json(const FailedMint& failed);
[[nodiscard]] nlohmann::json to_json(const RecoveredLease& lease);
[[nodiscard]] nlohmann::json to_json(const Error& error);
[[nodiscard]] nlohmann::json to_json(const std::optional<WallTime>& time);

/// @return Errc::unsupported for anything that to_json() does not write.
[[nodiscard]] Result<CredentialSource> read_source(const nlohmann::json& value);
[[nodiscard]] LeaseHandle read_handle(const nlohmann::json& value);
[[nodiscard]] LeaseReport read_report(const nlohmann::json& value);
[[nodiscard]] RevokeOutcome read_outcome(const nlohmann::json& value);
[[nodiscard]] FailedMint read_failed_mint(const nlohmann::json& value);
[[nodiscard]] RecoveredLease read_recovered(const nlohmann::json& value);
[[nodiscard]] Error read_error(const nlohmann::json& value);
[[nodiscard]] std::optional<WallTime> read_time(const nlohmann::json& value, const char* key);

}  // namespace berm

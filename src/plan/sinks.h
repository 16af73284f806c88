// src/plan/sinks.h: where the record goes live, as JSON and in words.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "plan/facts.h"
#include "policy/policy.h"

namespace berm {

/// Everything but values of secrets; for the plan and for the process that ships.
[[nodiscard]] nlohmann::json sink_to_json(const SinkGrant& sink);
/// @return Errc::internal  no sink of ours.
[[nodiscard]] Result<SinkGrant> sink_from_json(const nlohmann::json& json);

[[nodiscard]] nlohmann::json audit_to_json(const AuditPolicy& audit);
[[nodiscard]] std::string audit_text(const AuditPolicy& audit);  ///< "" without sinks

/// @return Errc::invalid_policy  a sink's token is that of a credential which the policy has not,
/// or
///         its file lies where the run writes.
[[nodiscard]] Result<void> check_sinks(const Policy& policy, const RepositoryFacts& repository);

/// NAME of "credential:NAME", or "".
[[nodiscard]] std::string credential_of_token(const std::string& from);

}  // namespace berm

// src/session/sinks.h: the sinks of a run, or of one that has ended: their secrets and what ships.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audit/ship/start.h"
#include "policy/policy.h"

namespace berm {

/// What a token of the policy's own credentials is worth now; nullptr: not known.
using CredentialValue = std::function<std::shared_ptr<const Secret>(const std::string& credential)>;

/// Reads what the sinks name: env:, file:, command:, and "credential:NAME" through `of_run`.
/// @return Errc::denied  one cannot be read; the context names the sink.
[[nodiscard]] Result<SinkSecrets> read_sink_secrets(const std::vector<SinkGrant>& sinks,
                                                    const CredentialValue& of_run);

/// A record that has ended, shipped to `sinks` and waited for.
struct ResendRequest {
  std::string run;
  std::string directory;
  std::vector<SinkGrant> sinks;
  bool from_zero = false;
  Milliseconds patience{60'000};
};
struct ResendReport {
  std::uint64_t events = 0;         ///< of the record
  std::vector<SinkProgress> sinks;  ///< where they ended
  [[nodiscard]] bool complete() const;
};
[[nodiscard]] Result<ResendReport> resend(const ResendRequest& request);

/// Sends one event of type "audit.test" by a record of its own.
[[nodiscard]] Result<ResendReport> test_sinks(const std::string& state,
                                              const std::vector<SinkGrant>& sinks,
                                              Milliseconds patience);

}  // namespace berm

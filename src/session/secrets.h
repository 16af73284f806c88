// src/session/secrets.h: the secrets of a run, from their minting to their end.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audit/record_file.h"
#include "credentials/broker.h"
#include "egress/start.h"
#include "plan/plan.h"
#include "redact/known_secrets.h"

namespace berm {

/// What the broker is asked for; also for `berm doctor --credentials`.
[[nodiscard]] std::vector<CredentialSource> sources_of(const std::vector<CredentialPlan>& plan);

/// Everything but the value.
[[nodiscard]] nlohmann::json lease_to_json(const LeaseReport& report);

/// Where what lives at issuers is written down: "<state>/leases".
[[nodiscard]] std::string lease_journal(const std::string& state);

/// Held by the supervisor while the run lasts. The values go to egress, and into what recognises
/// them; nobody else gets them.
class RunSecrets {
 public:
  /// Mints everything that the plan names. Nothing without credentials. Once.
  /// @return what refused it: the run must not start. What was minted by then is told by
  ///         record_minted() and ended by end(), as after a run.
  [[nodiscard]] Result<void> acquire(const Plan& plan, const std::string& state);

  [[nodiscard]] std::span<const std::shared_ptr<const Secret>> values() const { return values_; }
  /// Stays where it is for the life of this object, and grows with renewals.
  [[nodiscard]] const KnownSecrets& known() const { return *known_; }
  [[nodiscard]] std::shared_ptr<const KnownSecrets> shared_known() const { return known_; }

  /// Tells the record what was minted, and what was refused.
  void record_minted(RecordFile& record) const;
  /// To poll(2); -1 without a broker.
  [[nodiscard]] int fd() const { return broker_ ? broker_->fd() : -1; }
  /// Takes what the broker says: a renewed value goes to egress, wherever that is.
  /// @return the error that ends the run: the keeper is gone, or egress did not take it.
  using Renew = std::function<Result<void>(std::size_t credential, const Secret& value)>;
  [[nodiscard]] Result<void> hear(const Renew& renew, RecordFile& record);
  /// Revokes what can be revoked. Tells the record, and in `notes` what lives on.
  /// @param disable_keys  an anomaly: keys whose grant names an admin key are set inactive
  void end(RecordFile& record, bool disable_keys, std::vector<std::string>& notes);

  /// One more to recognise: a credential, or what a sink of the record is given.
  [[nodiscard]] Result<void> know(const std::string& name, const Secret& value);

 private:
  void tell_ends(const std::vector<RevokeOutcome>& ended, RecordFile& record,
                 std::vector<std::string>& notes) const;

  std::vector<CredentialSource> sources_;
  std::optional<Broker> broker_;
  std::vector<std::shared_ptr<const Secret>> values_;
  std::vector<LeaseReport> reports_;
  std::vector<RefusedCredential> refused_;
  std::vector<RevokeOutcome> ended_;  ///< by a broker that had to refuse
  std::shared_ptr<KnownSecrets> known_ = std::make_shared<KnownSecrets>();
};

/// Ends what earlier runs left alive, as far as it can be ended; a sentence for each that lives on.
[[nodiscard]] std::vector<std::string> end_leases_of_dead_runs(const std::string& state);

}  // namespace berm

// src/session/sinks.h: the sinks of a run, or of one that has ended: their secrets and what ships.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audit/ship/start.h"
#include "plan/plan.h"

namespace berm {

/// What a token of the policy's own credentials is worth now; nullptr: not known.
using CredentialValue = std::function<std::shared_ptr<const Secret>(const std::string& credential)>;

/// Reads what the sinks name: env:, file:, command:, and "credential:NAME" through `of_run`.
/// @return Errc::denied  one cannot be read; the context names the sink.
[[nodiscard]] Result<SinkSecrets> read_sink_secrets(const std::vector<SinkGrant>& sinks,
                                                    const CredentialValue& of_run);

/// The sinks of a run while it lasts.
class RunSinks {
 public:
  /// Told each secret that a sink gets, so that the record hides it.
  using OnSecret = std::function<void(const std::string& name, const Secret& value)>;

  /// Starts what ships the record; nothing without sinks. Before the agent runs, so that not even
  /// its first event is here alone.
  /// @param record  outlives this
  [[nodiscard]] Result<void> launch(const Plan& plan, CredentialValue of_run, RecordFile& record,
                                    const OnSecret& on_secret);
  [[nodiscard]] SinkWatch* watch() { return watch_ ? &*watch_ : nullptr; }
  /// A credential of the run has a new value: the sinks that use it hear it, too.
  void renew();

  /// Has everything shipped that is on the record by now, for at most the policy's grace.
  /// @return what is missing where; "" = nothing
  [[nodiscard]] std::string settle();
  /// The same for the record that is complete.
  /// @param patience  0: it had its grace already
  [[nodiscard]] std::string finish(Milliseconds patience);
  /// {"NAME": {"acknowledged", "refused"}}
  [[nodiscard]] nlohmann::json reached() const;

 private:
  CredentialValue of_run_;
  RecordFile* record_ = nullptr;
  std::vector<SinkGrant> sinks_;
  SinkSecrets secrets_;
  std::optional<SinkWatch> watch_;
};

/// How many events the record in a run's directory has.
[[nodiscard]] Result<std::uint64_t> events_of_record(const std::string& directory);

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

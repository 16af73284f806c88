#include "session/secrets.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

// A CI runner that knows a secret hides it in its own log, also what later steps print.
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions#masking-a-value-in-a-log
void mask_in_ci(const Secret& value) {
  const char* ci = ::getenv("GITHUB_ACTIONS");
  struct stat out {};
  // To the runner's pipe and nowhere else: a log file may lie where the agent can read it.
  if (ci == nullptr || std::string_view(ci) != "true" || ::fstat(2, &out) != 0 ||
      !S_ISFIFO(out.st_mode)) {
    return;
  }
  for (const std::string_view line : split(value.reveal(), '\n')) {
    if (trim(line).size() < KnownSecrets::kShortest) continue;
    std::string command = "::add-mask::" + std::string(trim(line)) + "\n";
    (void)write_all(2, command);
    ::explicit_bzero(command.data(), command.size());
  }
}

std::string told(const RevokeOutcome& outcome) {
  const std::string until = outcome.until ? " until " + to_text(*outcome.until) : "";
  switch (outcome.end) {
    case LeaseEnd::revoked:
      return "revoked";
    case LeaseEnd::lives:
      return fmt::format("cannot be revoked, and lives on{}", until);
    case LeaseEnd::failed:
      break;
  }
  return fmt::format("could not be revoked ({}), and lives on{}", printable(outcome.why), until);
}

}  // namespace

json lease_to_json(const LeaseReport& report) {
  json out = {{"name", report.name},   {"issuer", report.issuer}, {"kind", report.kind},
              {"scope", report.scope}, {"note", report.note},     {"revocable", report.revocable}};
  if (report.minted) out["minted"] = to_text(*report.minted);
  if (report.expires) out["expires"] = to_text(*report.expires);
  return out;
}

std::vector<CredentialSource> sources_of(const std::vector<CredentialPlan>& plan) {
  std::vector<CredentialSource> out;
  for (const CredentialPlan& credential : plan) {
    out.push_back(source_of(credential.name, credential.grant));
  }
  return out;
}

std::string lease_journal(const std::string& state) { return state + "/leases"; }

Result<void> RunSecrets::know(const std::string& name, const Secret& value) {
  mask_in_ci(value);
  return in_context(fmt::format("using credential '{}'", printable(name)),
                    known_->add(name, value.reveal()));
}

Result<void> RunSecrets::acquire(const Plan& plan, const std::string& state) {
  sources_ = sources_of(plan.credentials);
  if (sources_.empty()) return {};
  FailedMint failed;
  Result<Broker> broker =
      Broker::start(BrokerProgram{}, lease_journal(state), plan.run_id, sources_, &failed);
  if (!broker) {
    refused_ = std::move(failed.refused);
    reports_ = std::move(failed.minted);
    ended_ = std::move(failed.ended);
    return tl::unexpected(broker.error());
  }
  broker_.emplace(*std::move(broker));
  std::vector<Credential> credentials = broker_->take_credentials();
  for (const Credential& credential : credentials) reports_.push_back(credential.report);
  for (Credential& credential : credentials) {
    if (const Result<void> known = know(credential.report.name, credential.value); !known) {
      refused_.push_back({.name = credential.report.name, .error = known.error()});
      return known;
    }
    values_.push_back(std::make_shared<const Secret>(std::move(credential.value)));
  }
  if (values_.size() != plan.credentials.size()) {
    return failure(Errc::internal, "get all credentials from the broker");
  }
  return {};
}

void RunSecrets::record_minted(RecordFile& record) const {
  for (const LeaseReport& report : reports_) {
    record.append("supervisor", "credential.mint", lease_to_json(report));
  }
  for (const RefusedCredential& one : refused_) {
    record.append("supervisor", "credential.refused",
                  {{"name", printable(one.name)},
                   {"decision", "deny"},
                   {"why", printable(sentence(one.error))}});
  }
  if (broker_ && !broker_->memory_note().empty()) {
    record.append("supervisor", "credential.memory", {{"note", broker_->memory_note()}});
  }
}

Result<void> RunSecrets::hear(const Renew& renew, RecordFile& record) {
  do {
    BrokerEvent event = BERM_TRY(broker_->receive());
    json told = lease_to_json(event.report);
    if (event.kind == BrokerEvent::Kind::renewal_failed) {
      told["why"] = printable(sentence(event.error));
      record.append("supervisor", "credential.renewal_failed", told);
      continue;
    }
    record.append("supervisor", "credential.renew", told);
    if (event.kind != BrokerEvent::Kind::renewed) continue;
    const auto found = std::ranges::find(sources_, event.report.name, &CredentialSource::name);
    if (found == sources_.end()) continue;
    const auto index = static_cast<std::size_t>(found - sources_.begin());
    BERM_TRY(know(event.report.name, event.value));
    values_[index] = std::make_shared<const Secret>(std::move(event.value));
    BERM_TRY(renew(index, *values_[index]));
  } while (broker_->has_event());
  return {};
}

void RunSecrets::end(RecordFile& record, bool disable_keys, std::vector<std::string>& notes) {
  if (!broker_) return tell_ends(ended_, record, notes);
  for (const CredentialSource& source : sources_) {
    if (!disable_keys || !source.with.contains("admin")) continue;
    const Result<void> disabled = broker_->disable_anthropic_key(source.name);
    record.append("supervisor", "credential.disable",
                  {{"name", source.name},
                   {"done", disabled.has_value()},
                   {"why", disabled ? "" : printable(sentence(disabled.error()))}});
    notes.push_back(disabled
                        ? fmt::format("the key of credential '{}' is set inactive", source.name)
                        : sentence(disabled.error()));
  }
  const Result<std::vector<RevokeOutcome>> ended = broker_->revoke_all();
  if (!ended) {
    record.append("supervisor", "credential.revoke", {{"why", printable(sentence(ended.error()))}});
    notes.push_back(sentence(ended.error()));
    return;
  }
  tell_ends(*ended, record, notes);
}

void RunSecrets::tell_ends(const std::vector<RevokeOutcome>& ended, RecordFile& record,
                           std::vector<std::string>& notes) const {
  for (const RevokeOutcome& outcome : ended) {
    record.append("supervisor", "credential.revoke",
                  {{"name", outcome.name},
                   {"end", name_of(outcome.end)},
                   {"until", outcome.until ? to_text(*outcome.until) : ""},
                   {"why", printable(outcome.why)}});
    // A static key outlives every run: that stands in the plan.
    const bool minted = std::ranges::any_of(reports_, [&](const LeaseReport& report) {
      return report.name == outcome.name && (report.revocable || report.expires);
    });
    if (outcome.end == LeaseEnd::revoked || !minted) continue;
    notes.push_back(fmt::format("credential '{}' {}", printable(outcome.name), told(outcome)));
  }
}

std::vector<std::string> end_leases_of_dead_runs(const std::string& state) {
  std::vector<std::string> out;
  const Result<std::vector<RecoveredLease>> recovered =
      recover_leases(BrokerProgram{}, lease_journal(state));
  if (!recovered) return {sentence(recovered.error())};
  for (const RecoveredLease& lease : *recovered) {
    out.push_back(fmt::format("credential '{}' of run {}, which had no end, {}",
                              printable(lease.outcome.name), printable(lease.run),
                              told(lease.outcome)));
  }
  return out;
}

}  // namespace berm

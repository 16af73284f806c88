#include "credentials/protocol.h"

#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;

std::int64_t number_of(const json& value, const char* key) {
  const bool is_number = value.is_object() && value.contains(key) && value[key].is_number_integer();
  return is_number ? value[key].get<std::int64_t>() : 0;
}

bool flag_of(const json& value, const char* key) {
  return value.is_object() && value.contains(key) && value[key] == true;
}

Result<std::map<std::string, std::string>> read_options(const json& value, const char* key) {
  std::map<std::string, std::string> out;
  if (!value.contains(key)) return out;
  const auto refused = failure(Errc::unsupported, "understand a credential's options");
  if (!value[key].is_object()) return refused;
  for (const auto& [name, text] : value[key].items()) {
    if (!text.is_string()) return refused;
    out[name] = text.get_ref<const std::string&>();
  }
  return out;
}

std::optional<Milliseconds> read_duration(const json& value, const char* key) {
  if (!value.contains(key) || !value[key].is_number_integer()) return std::nullopt;
  return Milliseconds(value[key].get<std::int64_t>());
}

json listed(const auto& values) {
  json out = json::array();
  for (const auto& value : values) out.push_back(to_json(value));
  return out;
}

// What is no list has no members.
json members_of(const json& value, const char* key) {
  const bool is_list = value.is_object() && value.contains(key) && value[key].is_array();
  return is_list ? value[key] : json::array();
}

}  // namespace

std::string_view name_of(LeaseEnd end) {
  switch (end) {
    case LeaseEnd::revoked:
      return "revoked";
    case LeaseEnd::lives:
      return "lives";
    case LeaseEnd::failed:
      break;
  }
  return "failed";
}

json to_json(const std::optional<WallTime>& time) {
  return time ? json(time->time_since_epoch().count()) : json(nullptr);
}

std::optional<WallTime> read_time(const json& value, const char* key) {
  if (!value.is_object() || !value.contains(key) || !value[key].is_number_integer()) {
    return std::nullopt;
  }
  const auto seconds = value[key].get<std::int64_t>();
  if (seconds < 0 || seconds > 253402300799) return std::nullopt;  // the end of the year 9999
  return WallTime(std::chrono::seconds(seconds));
}

json to_json(const CredentialSource& source) {
  json out = {
      {"name", source.name}, {"from", source.from}, {"with", source.with}, {"scope", source.scope}};
  if (source.ttl) out["ttl"] = source.ttl->count();
  if (source.max_age) out["max_age"] = source.max_age->count();
  if (!source.old_is_refused) out["old_is_told"] = true;
  if (source.issued) out["issued"] = *source.issued;
  if (source.is_aws_key) out["is_aws_key"] = true;
  return out;
}

Result<CredentialSource> read_source(const json& value) {
  if (!value.is_object()) return failure(Errc::unsupported, "understand a credential's source");
  CredentialSource source{.name = text_of(value, "name"), .from = text_of(value, "from")};
  source.with = BERM_TRY(read_options(value, "with"));
  source.scope = BERM_TRY(read_options(value, "scope"));
  source.ttl = read_duration(value, "ttl");
  source.max_age = read_duration(value, "max_age");
  source.old_is_refused = !value.contains("old_is_told");
  if (value.contains("issued")) source.issued = text_of(value, "issued");
  source.is_aws_key = flag_of(value, "is_aws_key");
  return source;
}

json to_json(const LeaseHandle& handle) {
  return {{"issuer", handle.issuer}, {"lease", handle.lease}, {"session", handle.session}};
}

LeaseHandle read_handle(const json& value) {
  return {.issuer = text_of(value, "issuer"),
          .lease = text_of(value, "lease"),
          .session = text_of(value, "session")};
}

json to_json(const LeaseReport& report) {
  return {{"name", report.name},
          {"issuer", report.issuer},
          {"kind", report.kind},
          {"minted", to_json(report.minted)},
          {"expires", to_json(report.expires)},
          {"scope", report.scope},
          {"revocable", report.revocable},
          {"note", report.note}};
}

LeaseReport read_report(const json& value) {
  return {.name = text_of(value, "name"),
          .issuer = text_of(value, "issuer"),
          .kind = text_of(value, "kind"),
          .minted = read_time(value, "minted"),
          .expires = read_time(value, "expires"),
          .scope = text_of(value, "scope"),
          .revocable = flag_of(value, "revocable"),
          .note = text_of(value, "note")};
}

json to_json(const RevokeOutcome& outcome) {
  return {{"name", outcome.name},
          {"end", name_of(outcome.end)},
          {"until", to_json(outcome.until)},
          {"why", outcome.why}};
}

RevokeOutcome read_outcome(const json& value) {
  RevokeOutcome outcome{.name = text_of(value, "name"),
                        .until = read_time(value, "until"),
                        .why = text_of(value, "why")};
  for (const LeaseEnd end : {LeaseEnd::revoked, LeaseEnd::lives}) {
    if (text_of(value, "end") == name_of(end)) outcome.end = end;
  }
  return outcome;
}

json to_json(const FailedMint& failed) {
  json refused = json::array();
  for (const RefusedCredential& one : failed.refused) {
    refused.push_back({{"name", one.name}, {"error", to_json(one.error)}});
  }
  return {{"refused", std::move(refused)},
          {"minted", listed(failed.minted)},
          {"ended", listed(failed.ended)}};
}

FailedMint read_failed_mint(const json& value) {
  FailedMint failed;
  for (const json& one : members_of(value, "refused")) {
    if (!one.is_object()) continue;
    failed.refused.push_back(
        {.name = text_of(one, "name"), .error = read_error(one.value("error", json::object()))});
  }
  for (const json& one : members_of(value, "minted")) failed.minted.push_back(read_report(one));
  for (const json& one : members_of(value, "ended")) failed.ended.push_back(read_outcome(one));
  return failed;
}

json to_json(const RecoveredLease& lease) {
  return {{"run", lease.run},
          {"issuer", lease.issuer},
          {"from", lease.from},
          {"outcome", to_json(lease.outcome)}};
}

RecoveredLease read_recovered(const json& value) {
  RecoveredLease lease{.run = text_of(value, "run"),
                       .issuer = text_of(value, "issuer"),
                       .from = text_of(value, "from")};
  if (value.is_object() && value.contains("outcome"))
    lease.outcome = read_outcome(value["outcome"]);
  return lease;
}

json to_json(const Error& error) {
  return {{"code", static_cast<int>(error.code)},
          {"what", error.what},
          {"errno", error.os_errno},
          {"fix", error.fix},
          {"context", error.context}};
}

Error read_error(const json& value) {
  Error error{.what = text_of(value, "what"), .fix = text_of(value, "fix")};
  const std::int64_t code = number_of(value, "code");
  error.code = code >= 0 && code <= static_cast<int>(Errc::internal) ? static_cast<Errc>(code)
                                                                     : Errc::internal;
  error.os_errno = static_cast<int>(number_of(value, "errno"));
  if (!value.is_object() || !value.contains("context")) return error;
  for (const json& outer : value["context"]) {
    if (outer.is_string()) error.context.push_back(outer.get_ref<const std::string&>());
  }
  return error;
}

}  // namespace berm

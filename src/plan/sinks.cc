#include "plan/sinks.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {

using nlohmann::json;

json sink_to_json(const SinkGrant& sink) {
  return {{"name", sink.name},
          {"type", spelling(sink.type)},
          {"format", sink.format},
          {"filter", sink.filter},
          {"batch_events", sink.batch_events},
          {"batch_ms", sink.batch_time.count()},
          {"with", sink.with},
          {"secret", sink.secret}};
}

Result<SinkGrant> sink_from_json(const json& in) {
  try {
    SinkGrant sink;
    sink.name = in.at("name");
    const std::string type = in.at("type");
    for (const auto& [name, value] : names(SinkType{})) {
      if (name == type) sink.type = value;
    }
    sink.format = in.at("format");
    sink.filter = in.at("filter").get<std::vector<std::string>>();
    sink.batch_events = in.at("batch_events");
    sink.batch_time = Milliseconds(in.at("batch_ms").get<std::int64_t>());
    sink.with = in.at("with").get<std::map<std::string, std::string>>();
    sink.secret = in.at("secret").get<std::map<std::string, std::string>>();
    return sink;
  } catch (const json::exception&) {
    return failure(Errc::internal, "understand the configuration of a sink");
  }
}

json audit_to_json(const AuditPolicy& audit) {
  json sinks = json::array();
  for (const SinkGrant& sink : audit.sinks) sinks.push_back(sink_to_json(sink));
  return {{"key", audit.key},
          {"public_key", audit.public_key},
          {"fsync", spelling(audit.fsync)},
          {"require_sink", audit.require_sink},
          {"grace_ms", audit.grace.count()},
          {"spool", audit.spool.count},
          {"overflow", spelling(audit.overflow)},
          {"sinks", std::move(sinks)}};
}

std::string audit_text(const AuditPolicy& audit) {
  std::string out;
  for (const SinkGrant& sink : audit.sinks) {
    const std::string* where = nullptr;
    for (const char* key : {"url", "path", "to", "bucket", "log_group"}) {
      if (where == nullptr && sink.with.contains(key)) where = &sink.with.at(key);
    }
    out += fmt::format("{}{} ({}, {})", out.empty() ? "" : "; ", sink.name, spelling(sink.type),
                       where == nullptr ? "" : printable(*where));
  }
  if (out.empty()) return out;
  return fmt::format("Record     goes live to {}{}\n", out,
                     audit.require_sink
                         ? fmt::format("; the run ends without it after {}", to_text(audit.grace))
                         : "");
}

std::string credential_of_token(const std::string& from) {
  constexpr std::string_view kGrant = "credential:";
  return from.starts_with(kGrant) ? from.substr(kGrant.size()) : "";
}

namespace {

// What the run may write, or a copy of which it sees, is no place for what is said of it.
Result<void> refuse_within_reach(const SinkGrant& sink, const Policy& policy,
                                 const RepositoryFacts& repository) {
  const auto path = sink.with.find("path");
  if (path == sink.with.end()) return {};
  std::vector<std::string> reach = policy.write_paths;
  reach.push_back(repository.root.str());
  for (const std::string& root : reach) {
    if (path->second != root && !path->second.starts_with(root + "/")) continue;
    return failure(
        Errc::invalid_policy,
        fmt::format("sink '{}' would write '{}', which lies within reach of the run ('{}')",
                    sink.name, printable(path->second), printable(root)),
        "name a file outside of the working tree and of what the run may write");
  }
  return {};
}

}  // namespace

Result<void> check_sinks(const Policy& policy, const RepositoryFacts& repository) {
  for (const SinkGrant& sink : policy.audit.sinks) {
    BERM_TRY(refuse_within_reach(sink, policy, repository));
    const auto token = sink.secret.find("token");
    const std::string name = token == sink.secret.end() ? "" : credential_of_token(token->second);
    if (name.empty() || policy.credentials.contains(name)) continue;
    return failure(Errc::invalid_policy,
                   fmt::format("sink '{}' wants the credential '{}', which the policy has not",
                               sink.name, printable(name)),
                   "add [credentials] of that name, or write env:, file: or command:");
  }
  return {};
}

}  // namespace berm

#include "record/attestation.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/fields.h"

namespace berm {
namespace {

using nlohmann::json;

// DSSE's pre-authentication encoding.
std::string pae(std::string_view type, std::string_view body) {
  return fmt::format("DSSEv1 {} {} {} {}", type.size(), type, body.size(), body);
}

// The events that a statement is made of, by type; of several the last. And what models spoke.
struct Told {
  std::map<std::string, json, std::less<>> last;
  std::set<std::string> models;
  std::string started;
  std::string ended;

  [[nodiscard]] const json& of(std::string_view type) const {
    static const json kNothing;
    const auto found = last.find(type);
    return found == last.end() ? kNothing : found->second;
  }
};

Told read(std::string_view record) {
  static const std::set<std::string_view> kTypes = {"run.start", "enforcement", "changes",
                                                    "guard",     "import",      "verdict",
                                                    "run.end",   "model.usage", "agent.version"};
  Told told;
  while (!record.empty()) {
    const std::optional<SealedLine> line = parse_sealed(record.substr(0, record.find('\n')));
    record.remove_prefix(std::min(record.size(), record.find('\n') + 1));
    if (!line || !kTypes.contains(line->type)) continue;
    const json data = json::parse(line->data, nullptr, false);
    if (line->type == "run.start") told.started = line->time;
    if (line->type == "run.end") told.ended = line->time;
    if (line->type == "model.usage" && !text_of(data, "model").empty()) {
      told.models.insert(text_of(data, "model"));
      continue;
    }
    told.last.insert_or_assign(std::string(line->type), data);
  }
  return told;
}

json subjects_of(const json& changes) {
  json subjects =
      json::array({{{"name", "changes"}, {"digest", {{"sha256", text_of(changes, "sha256")}}}}});
  for (const json& ref : member_of(changes, "refs")) {
    const std::string commit = text_of(ref, "after");
    if (commit.empty()) continue;
    subjects.push_back({{"name", text_of(ref, "name")}, {"digest", {{"gitCommit", commit}}}});
  }
  return subjects;
}

json materials_of(const json& start) {
  json materials = json::array();
  const std::string base = text_of(member_of(start, "base"), "head");
  if (!base.empty()) {
    materials.push_back({{"name", "base"},
                         {"uri", text_of(member_of(start, "base"), "branch")},
                         {"digest", {{"gitCommit", base}}}});
  }
  for (const json& file : member_of(start, "lock_files")) {
    materials.push_back(
        {{"name", text_of(file, "path")}, {"digest", {{"sha256", text_of(file, "sha256")}}}});
  }
  return materials;
}

}  // namespace

Result<json> statement_of(std::string_view record) {
  const RecordCheck check = check_record(record);
  if (!check.intact() || !check.complete) {
    return failure(Errc::denied, "attest a run whose record is not intact and complete",
                   "berm verify tells what is wrong where");
  }
  return statement_of(record, {.run = check.run,
                               .events = check.events,
                               .head = check.head,
                               .checkpoint = check.checkpoint,
                               .key = fingerprint(*check.key)});
}

json statement_of(std::string_view record, const RecordEnd& end) {
  const Told told = read(record);
  const json start = told.of("run.start");
  const json verdict = told.of("verdict");
  return json{{"_type", "https://in-toto.io/Statement/v1"},
              {"subject", subjects_of(told.of("changes"))},
              {"predicateType", kRunPredicate},
              {"predicate",
               {{"run", end.run},
                {"berm", member_of(start, "berm")},
                {"agent",
                 {{"name", member_of(start, "agent")},
                  {"version", member_of(told.of("agent.version"), "version")},
                  {"models", told.models}}},
                {"plan", {{"digest", {{"sha256", member_of(start, "plan_sha256")}}}}},
                {"policy", member_of(start, "policy")},
                {"enforcement", told.of("enforcement")},
                {"materials", materials_of(start)},
                {"guard", {{"refused", member_of(told.of("guard"), "refused")}}},
                {"import", told.of("import")},
                {"record",
                 {{"events", end.events},
                  {"head", end.head},
                  {"checkpoint", end.checkpoint},
                  {"key", end.key}}},
                {"verdict", verdict},
                {"started", told.started},
                {"ended", told.ended}}}};
}

json dsse_envelope(const json& statement, const std::vector<const SigningKey*>& keys) {
  const std::string body = canonical(statement);
  json signatures = json::array();
  for (const SigningKey* key : keys) {
    signatures.push_back({{"keyid", fingerprint(key->public_key())},
                          {"sig", base64(key->sign(pae(kStatementType, body)))}});
  }
  return {{"payloadType", kStatementType},
          {"payload", base64(body)},
          {"signatures", std::move(signatures)}};
}

AttestationCheck check_attestation(const json& envelope, const PublicKey& key,
                                   std::optional<std::string_view> record) {
  const std::string type = text_of(envelope, "payloadType");
  const std::optional<std::string> body = base64_decoded(text_of(envelope, "payload"));
  if (type != kStatementType || !body) return {.what = "this is no in-toto statement in DSSE"};
  bool is_signed = false;
  for (const json& signature : member_of(envelope, "signatures")) {
    const std::string bytes = base64_decoded(text_of(signature, "sig")).value_or("");
    is_signed = is_signed || is_signed_by(key, pae(type, *body), bytes);
  }
  if (!is_signed) return {.what = "it is not signed by the key"};
  if (!record) {
    return {.holds = true, .what = "it is signed by the key", .statement = *body};
  }
  const Result<json> expected = statement_of(*record);
  if (!expected) return {.what = expected.error().what};
  if (canonical(*expected) != *body) {
    return {.what = "it is signed by the key, but not about this record", .statement = *body};
  }
  return {.holds = true,
          .what = "it is signed by the key and says what the record says",
          .statement = *body};
}

}  // namespace berm

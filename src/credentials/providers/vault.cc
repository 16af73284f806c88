// vault:PATH#FIELD: a secret of HashiCorp Vault or OpenBao: stored (KV version 1 or 2), or made for
// this run with a lease (database, aws, …), which berm prolongs and ends.
// @see  Vault HTTP API: /auth/approle, /auth/jwt, /auth/token, /sys/leases, /secret/kv.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr const char* kFix = "check with.address, with.auth and the policies of this token or role";

Result<std::string> address_of(const CredentialSource& source) {
  std::string address = option(source.with, "address");
  if (address.empty()) {
    const Secret variable = BERM_TRY(read_variable("VAULT_ADDR"));
    address = variable.reveal();
  }
  while (address.ends_with('/')) address.pop_back();
  return address;
}

// Who we are at a Vault, until the answer to a login is dropped.
struct VaultSession {
  std::string address;
  Secret token;
  bool is_ours = false;  ///< berm logged in for it, and ends it
  std::string accessor;
  std::optional<WallTime> expires;
};

Result<json> ask_vault(const MintContext& context, const CredentialSource& source,
                       const std::string& address, const Secret* token, const std::string& step,
                       const std::string& method, const std::string& path, const json& body) {
  Question question{.step = step, .fix = kFix};
  question.request = {.method = method, .url = address + "/v1/" + path};
  question.request.headers = {{"X-Vault-Request", "true", nullptr}};
  if (token != nullptr) question.request.headers.push_back({"X-Vault-Token", "", token});
  if (source.with.contains("namespace")) {
    question.request.headers.push_back({"X-Vault-Namespace", source.with.at("namespace"), nullptr});
  }
  if (!body.is_null()) {
    question.request.content_type = "application/json";
    question.request.body = dumped_secret(body);
  }
  return ask(context, question);
}

Result<json> login_body(const MintContext& context, const CredentialSource& source,
                        const std::string& auth) {
  if (auth == "jwt") {
    const Secret jwt = BERM_TRY(identity_token(context, source));
    return json{{"role", source.with.at("role")}, {"jwt", jwt.reveal()}};
  }
  const Secret role_text = BERM_TRY(read_static(context, source, source.with.at("role_id")));
  const Secret role = BERM_TRY(take_line(role_text.reveal(), "with.role_id"));
  const Secret secret_text = BERM_TRY(read_static(context, source, source.with.at("secret_id")));
  const Secret secret = BERM_TRY(take_line(secret_text.reveal(), "with.secret_id"));
  return json{{"role_id", role.reveal()}, {"secret_id", secret.reveal()}};
}

Result<VaultSession> log_in(const MintContext& context, const CredentialSource& source,
                            const std::string& address, const std::string& auth) {
  const std::string mount = option(source.with, "mount").empty() ? auth : source.with.at("mount");
  const json body = BERM_TRY(login_body(context, source, auth));
  json answer = BERM_TRY(ask_vault(context, source, address, nullptr, "log in to Vault", "POST",
                                   fmt::format("auth/{}/login", mount), body));
  if (!answer.contains("auth") || !answer["auth"].is_object()) {
    return failure(Errc::denied, "trust Vault's answer: it has no 'auth'");
  }
  json& granted = answer["auth"];
  VaultSession session{.address = address, .token = BERM_TRY(take_token(granted, "client_token"))};
  session.is_ours = true;
  session.accessor = text_of(granted, "accessor");
  // 0: a token without an end (root's), which nobody logs in for; then the lease alone counts.
  const Result<WallTime> expires = take_lifetime(granted, "lease_duration");
  if (expires) session.expires = *expires;
  return session;
}

Result<VaultSession> open_session(const MintContext& context, const CredentialSource& source) {
  const std::string address = BERM_TRY(address_of(source));
  const std::string auth = option(source.with, "auth");
  if (!auth.empty() && auth != "token") return log_in(context, source, address, auth);
  const std::string from = option(source.with, "token");
  const Secret text =
      BERM_TRY(read_static(context, source, from.empty() ? "env:VAULT_TOKEN" : from));
  return VaultSession{.address = address,
                      .token = BERM_TRY(take_line(text.reveal(), "the Vault token"))};
}

Result<void> end_session(const MintContext& context, const CredentialSource& source,
                         const std::string& address, const Secret& token) {
  BERM_TRY(ask_vault(context, source, address, &token, "revoke our Vault token", "POST",
                     "auth/token/revoke-self", json::object()));
  return {};
}

Result<void> end_lease(const MintContext& context, const CredentialSource& source,
                       const std::string& address, const Secret& token, const std::string& lease) {
  // sync: the answer comes when the credential is gone, not when its end is planned.
  BERM_TRY(ask_vault(context, source, address, &token, "revoke the lease", "PUT",
                     "sys/leases/revoke", json{{"lease_id", lease}, {"sync", true}}));
  return {};
}

// KV version 2 wraps the data once more, with metadata beside it.
Result<Secret> field_of(json& answer, const std::string& field) {
  const json::json_pointer inner("/data/data");
  const json::json_pointer metadata("/data/metadata");
  const bool is_kv2 = answer.contains(inner) && answer[inner].is_object() &&
                      answer.contains(metadata) && answer[metadata].is_object();
  if (!answer.contains("data") || !answer["data"].is_object()) {
    return failure(Errc::denied, "trust Vault's answer: it has no 'data'");
  }
  json& data = is_kv2 ? answer[inner] : answer["data"];
  if (field != "*") return take_token(data, field);
  return Secret(data.dump(-1, ' ', true, json::error_handler_t::replace));
}

// Everything after the session is open. `lease` says what lives, whether it works or not.
Result<void> read_secret(const MintContext& context, const CredentialSource& source,
                         const SourceAddress& address, const VaultSession& session, Lease& lease) {
  lease.handle = {.issuer = session.address, .lease = "", .session = session.accessor};
  // A token lives from here on: whoever finds the journal must know it.
  if (session.is_ours) BERM_TRY(context.record(lease.handle));
  json answer = BERM_TRY(ask_vault(context, source, session.address, &session.token,
                                   "read the secret", "GET", address.parts[0], nullptr));
  lease.handle.lease = text_of(answer, "lease_id");
  if (!lease.handle.lease.empty()) BERM_TRY(context.record(lease.handle));
  lease.value = BERM_TRY(field_of(answer, address.parts[1]));
  lease.report.issuer = session.address;
  lease.report.scope = printable(address.parts[0]);
  if (lease.handle.lease.empty()) {
    lease.report.note = "stored in Vault: it outlives the run";
    return {};
  }
  lease.report.expires = BERM_TRY(take_lifetime(answer, "lease_duration"));
  // The leases of a token end with it.
  if (session.expires) lease.report.expires = std::min(*lease.report.expires, *session.expires);
  lease.report.revocable = true;
  lease.renewable = answer.contains("renewable") && answer["renewable"] == true;
  return {};
}

Result<Lease> mint(const MintContext& context, const CredentialSource& source,
                   const SourceAddress& address) {
  VaultSession session = BERM_TRY(open_session(context, source));
  Lease lease;
  const Result<void> read = read_secret(context, source, address, session, lease);
  const bool stays = read && !lease.handle.lease.empty();
  if (!read && !lease.handle.lease.empty()) {
    // What cannot be used must not live.
    (void)end_lease(context, source, session.address, session.token, lease.handle.lease);
  }
  if (session.is_ours && !stays) {
    // Nothing hangs on the token any more.
    const Result<void> ended = end_session(context, source, session.address, session.token);
    if (read) BERM_TRY(ended);
    lease.handle.session.clear();
  }
  BERM_TRY(read);
  if (session.is_ours && stays) lease.session = std::move(session.token);
  return lease;
}

// The token to speak with for `lease`: the one we logged in for, else the user's own.
Result<Secret> token_of(const MintContext& context, const CredentialSource& source) {
  VaultSession session = BERM_TRY(open_session(context, source));
  return std::move(session.token);
}

Result<void> renew(const MintContext& context, const CredentialSource& source, Lease& lease) {
  Secret own;
  if (!lease.session) own = BERM_TRY(token_of(context, source));
  const Secret& token = lease.session ? *lease.session : own;
  const std::string& address = lease.handle.issuer;
  std::optional<WallTime> limit;
  if (lease.session) {
    json answer = BERM_TRY(ask_vault(context, source, address, &token, "renew our Vault token",
                                     "POST", "auth/token/renew-self", json::object()));
    if (answer.contains("auth")) {
      limit = BERM_TRY(take_lifetime(answer["auth"], "lease_duration"));
    }
  }
  json body = {{"lease_id", lease.handle.lease}};
  if (source.ttl) {
    body["increment"] = std::chrono::floor<seconds>(*source.ttl).count();
  }
  const json answer = BERM_TRY(ask_vault(context, source, address, &token, "renew the lease", "PUT",
                                         "sys/leases/renew", body));
  const WallTime expires = BERM_TRY(take_lifetime(answer, "lease_duration"));
  lease.report.expires = limit ? std::min(expires, *limit) : expires;
  return {};
}

Result<void> revoke(const MintContext& context, const CredentialSource& source, Lease& lease) {
  if (lease.handle.lease.empty()) return {};
  const std::string& address = lease.handle.issuer;
  if (!lease.session) {
    const Secret token = BERM_TRY(token_of(context, source));
    return end_lease(context, source, address, token, lease.handle.lease);
  }
  // The default policy lets a token end itself, and its leases with it, but not a lease: both are
  // tried, so that a failure of the first is none if the second works.
  (void)end_lease(context, source, address, *lease.session, lease.handle.lease);
  return end_session(context, source, address, *lease.session);
}

Result<void> revoke_lost(const MintContext& context, const CredentialSource& source,
                         const LeaseHandle& handle) {
  if (handle.lease.empty() && handle.session.empty()) return {};
  CredentialSource there = source;
  there.with["address"] = handle.issuer;  // where it was issued, whatever VAULT_ADDR says today
  const VaultSession session = BERM_TRY(open_session(context, there));
  Result<void> ended;
  if (!handle.lease.empty()) {
    ended = end_lease(context, there, handle.issuer, session.token, handle.lease);
  }
  if (!handle.session.empty()) {
    const Result<json> answer =
        ask_vault(context, there, handle.issuer, &session.token, "revoke the earlier Vault token",
                  "POST", "auth/token/revoke-accessor", json{{"accessor", handle.session}});
    // Its leases end with it. If the lease is ended and the token is not (few policies allow it),
    // the credential is: the token's value died with its keeper.
    if (answer) ended = {};
    if (!answer && handle.lease.empty()) ended = tl::unexpected(answer.error());
  }
  if (session.is_ours) (void)end_session(context, there, handle.issuer, session.token);
  return ended;
}

}  // namespace

// Unknown: what a mount's max_ttl says.
const Provider kVault = {.scheme = SourceScheme::vault,
                         .mint = mint,
                         .renew = renew,
                         .revoke = revoke,
                         .revoke_lost = revoke_lost};

}  // namespace berm

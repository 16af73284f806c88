// gcp-wif:AUDIENCE: Workload Identity Federation: an identity token for a federated one (RFC 8693),
// and that, if a service account is named, for one of the account with a chosen life.
// @see  Google Cloud, Security Token Service v1 token; IAM Credentials v1 generateAccessToken.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr const char* kEverything = "https://www.googleapis.com/auth/cloud-platform";

std::string or_else(const std::string& text, const char* usual) {
  return text.empty() ? usual : text;
}

std::vector<std::string> scopes_of(const CredentialSource& source) {
  std::vector<std::string> scopes = list_of(option(source.scope, "scopes"));
  if (scopes.empty()) scopes.emplace_back(kEverything);
  return scopes;
}

Result<json> exchange(const MintContext& context, const CredentialSource& source,
                      const std::string& audience, const std::string& scope) {
  const Secret token = BERM_TRY(identity_token(context, source));
  Question question{.step = "exchange the identity for a federated token",
                    .fix = "check the provider's issuer, audience and attribute condition"};
  question.request = {
      .method = "POST",
      .url = or_else(option(source.with, "endpoint"), "https://sts.googleapis.com") + "/v1/token"};
  question.request.content_type = "application/json";
  question.request.body =
      dumped_secret({{"grantType", "urn:ietf:params:oauth:grant-type:token-exchange"},
                     {"audience", audience},
                     {"scope", scope},
                     {"requestedTokenType", "urn:ietf:params:oauth:token-type:access_token"},
                     {"subjectToken", token.reveal()},
                     {"subjectTokenType", "urn:ietf:params:oauth:token-type:jwt"}});
  return ask(context, question);
}

Result<Lease> impersonate(const MintContext& context, const CredentialSource& source,
                          const Secret& federated) {
  const std::string account = option(source.with, "service_account");
  const std::string endpoint =
      or_else(option(source.with, "iam_endpoint"), "https://iamcredentials.googleapis.com");
  Question question{.step = "become the service account",
                    .fix = "grant roles/iam.workloadIdentityUser on the account to this identity"};
  question.request = {.method = "POST",
                      .url = fmt::format("{}/v1/projects/-/serviceAccounts/{}:generateAccessToken",
                                         endpoint, percent_encoded(account))};
  question.request.headers = {{"Authorization", "Bearer ", &federated}};
  question.request.content_type = "application/json";
  json body = {{"scope", scopes_of(source)}};
  if (source.ttl) {
    body["lifetime"] =
        fmt::format("{}s", std::chrono::floor<std::chrono::seconds>(*source.ttl).count());
  }
  question.request.body = dumped_secret(body);
  json answer = BERM_TRY(ask(context, question));
  Lease lease;
  lease.value = BERM_TRY(take_token(answer, "accessToken"));
  lease.report.expires = BERM_TRY(take_expiry(answer, "expireTime"));
  lease.report.issuer = endpoint;
  lease.report.scope =
      printable(fmt::format("{} as {}", fmt::join(scopes_of(source), " "), account));
  return lease;
}

Result<Lease> mint(const MintContext& context, const CredentialSource& source,
                   const SourceAddress& address) {
  const bool twice = source.with.contains("service_account");
  const std::string asked =
      twice ? kEverything : fmt::format("{}", fmt::join(scopes_of(source), " "));
  json answer = BERM_TRY(exchange(context, source, address.parts[0], asked));
  Secret federated = BERM_TRY(take_token(answer, "access_token"));
  Lease lease;
  if (twice) {
    lease = BERM_TRY(impersonate(context, source, federated));
  } else {
    lease.value = std::move(federated);
    lease.report.expires = BERM_TRY(take_lifetime(answer, "expires_in"));
    lease.report.issuer = or_else(option(source.with, "endpoint"), "https://sts.googleapis.com");
    lease.report.scope = printable(or_else(text_of(answer, "scope"), asked.c_str()));
    if (source.ttl) lease.report.note = "ttl has no effect without with.service_account";
  }
  if (!source.scope.contains("scopes")) lease.report.note = "not narrowed: set scope.scopes";
  lease.handle.issuer = lease.report.issuer;
  return lease;
}

}  // namespace

const Provider kGcpWif = {
    .scheme = SourceScheme::gcp_wif, .mint = mint, .longest_life = std::chrono::seconds(43200)};

}  // namespace berm

// anthropic-wif:RULE_ID: Workload Identity Federation: the job's token for one of a service account
// (RFC 7523). Its life is the rule's; nothing ends it earlier.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestAssertion = 16 << 10;  // Anthropic, WIF reference

Result<Lease> mint(const MintContext& context, const CredentialSource& source,
                   const SourceAddress& address) {
  const Secret token = BERM_TRY(identity_token(context, source));
  if (token.reveal().size() > kLongestAssertion) {
    return failure(Errc::denied, "send the identity token: it is longer than 16 KiB");
  }
  std::string endpoint = option(source.with, "endpoint");
  if (endpoint.empty()) endpoint = "https://api.anthropic.com";
  Question question{.step = "exchange the identity for a token",
                    .fix = "check the federation rule: subject, audience, service account"};
  question.request = {.method = "POST", .url = endpoint + "/v1/oauth/token"};
  question.request.content_type = "application/json";
  json body = {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
               {"assertion", token.reveal()},
               {"federation_rule_id", address.parts[0]},
               {"organization_id", source.with.at("organization")},
               {"service_account_id", source.with.at("service_account")}};
  if (source.with.contains("workspace")) body["workspace_id"] = source.with.at("workspace");
  question.request.body = dumped_secret(body);
  json answer = BERM_TRY(ask(context, question));
  Lease lease;
  lease.value = BERM_TRY(take_token(answer, "access_token"));
  lease.report.expires = BERM_TRY(take_lifetime(answer, "expires_in"));
  lease.handle.issuer = lease.report.issuer = endpoint;
  lease.report.scope = printable(text_of(answer, "scope"));
  if (lease.report.scope.find("org:admin") != std::string::npos) {
    lease.report.note = "the rule grants org:admin: an agent needs workspace:inference only";
  }
  return lease;
}

}  // namespace

const Provider kAnthropicWif = {.scheme = SourceScheme::anthropic_wif,
                                .mint = mint,
                                .longest_life = std::chrono::seconds(86400)};

}  // namespace berm

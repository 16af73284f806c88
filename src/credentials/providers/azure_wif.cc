// azure-wif:TENANT/CLIENT_ID: a federated credential of an application: the job's token is its
// client assertion (RFC 7523 §2.2). It lives until it expires.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;

Result<Lease> mint(const MintContext& context, const CredentialSource& source,
                   const SourceAddress& address) {
  const Secret token = BERM_TRY(identity_token(context, source));
  std::string endpoint = option(source.with, "endpoint");
  if (endpoint.empty()) endpoint = "https://login.microsoftonline.com";
  std::string resource = option(source.scope, "resource");
  while (resource.ends_with('/')) resource.pop_back();
  Question question{.step = "exchange the identity for a token",
                    .fix =
                        "check the application's federated credential: issuer, subject and "
                        "audience (api://AzureADTokenExchange)"};
  question.request = {.method = "POST",
                      .url = fmt::format("{}/{}/oauth2/v2.0/token", endpoint, address.parts[0])};
  question.request.headers = {{"Accept", "application/json", nullptr}};
  question.request.content_type = "application/x-www-form-urlencoded";
  question.request.body = Secret(
      fmt::format("client_id={}&scope={}&grant_type=client_credentials&client_assertion_type={}"
                  "&client_assertion={}",
                  percent_encoded(address.parts[1]), percent_encoded(resource + "/.default"),
                  percent_encoded("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                  percent_encoded(token.reveal())));
  json answer = BERM_TRY(ask(context, question));
  Lease lease;
  lease.value = BERM_TRY(take_token(answer, "access_token"));
  lease.report.expires = BERM_TRY(take_lifetime(answer, "expires_in"));
  lease.handle.issuer = lease.report.issuer = endpoint;
  lease.report.scope = printable(resource + "/.default");
  return lease;
}

}  // namespace

// Entra ID gives 60 to 90 minutes; with continuous access evaluation up to 28 hours.
const Provider kAzureWif = {.scheme = SourceScheme::azure_wif,
                            .mint = mint,
                            .longest_life = std::chrono::seconds(28 * 3600)};

}  // namespace berm

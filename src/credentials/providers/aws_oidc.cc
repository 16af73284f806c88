// aws-oidc:ROLE_ARN: keys of a role for whoever proves to be this job. They live until they expire:
// STS revokes nothing, so their life is the wished one, 15 minutes at least.
// @see  AWS STS API Reference, AssumeRoleWithWebIdentity.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;

std::string endpoint_of(const CredentialSource& source) {
  const std::string endpoint = option(source.with, "endpoint");
  if (!endpoint.empty()) return endpoint;
  const std::string region = option(source.with, "region");
  return region.empty() ? "https://sts.amazonaws.com/"
                        : fmt::format("https://sts.{}.amazonaws.com/", region);
}

// [\w+=,.@-]{2,64}
std::string session_name(const std::string& run) {
  std::string name = "berm-";
  for (const char c : run) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_+=,.@-").find(c) != std::string_view::npos;
    name += plain ? c : '-';
  }
  return name.substr(0, 64);
}

Secret form(const MintContext& context, const CredentialSource& source, const std::string& role,
            const Secret& token) {
  std::string body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15";
  const auto add = [&](const std::string& name, std::string_view value) {
    body += fmt::format("&{}={}", name, percent_encoded(value));
  };
  add("RoleArn", role);
  add("RoleSessionName", session_name(context.run));
  if (source.ttl) {
    add("DurationSeconds",
        std::to_string(std::chrono::floor<std::chrono::seconds>(*source.ttl).count()));
  }
  if (source.scope.contains("policy")) add("Policy", source.scope.at("policy"));
  int member = 0;
  for (const std::string& arn : list_of(option(source.scope, "policy_arns"))) {
    add(fmt::format("PolicyArns.member.{}.arn", ++member), arn);
  }
  add("WebIdentityToken", token.reveal());
  return Secret(std::move(body));
}

Result<Lease> mint(const MintContext& context, const CredentialSource& source,
                   const SourceAddress& address) {
  const Secret token = BERM_TRY(identity_token(context, source));
  Question question{.step = "assume the role",
                    .fix =
                        "check the role's trust policy: issuer, audience (sts.amazonaws.com) and "
                        "subject of this job"};
  question.request = {.method = "POST", .url = endpoint_of(source)};
  question.request.headers = {{"Accept", "application/json", nullptr}};
  question.request.content_type = "application/x-www-form-urlencoded";
  question.request.body = form(context, source, address.parts[0], token);
  json answer = BERM_TRY(ask(context, question));
  const json::json_pointer inside(
      "/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult");
  if (!answer.contains(inside) || !answer[inside].is_object() ||
      !answer[inside].contains("Credentials")) {
    return failure(Errc::denied, "trust the issuer's answer: it has no credentials");
  }
  json& result = answer[inside];
  json& keys = result["Credentials"];
  const Secret id = BERM_TRY(take_token(keys, "AccessKeyId"));
  const Secret secret = BERM_TRY(take_token(keys, "SecretAccessKey"));
  const Secret session = BERM_TRY(take_token(keys, "SessionToken"));
  Lease lease;
  lease.report.expires = BERM_TRY(take_expiry(keys, "Expiration"));
  lease.value = dumped_secret({{"AccessKeyId", id.reveal()},
                               {"SecretAccessKey", secret.reveal()},
                               {"SessionToken", session.reveal()}});
  lease.handle.issuer = lease.report.issuer = endpoint_of(source);
  const json user = result.value("AssumedRoleUser", json::object());
  lease.report.scope = printable(text_of(user, "Arn"));
  if (!source.scope.contains("policy") && !source.scope.contains("policy_arns")) {
    lease.report.note = "not narrowed: all that the role may do; set scope.policy";
  }
  return lease;
}

}  // namespace

const Provider kAwsOidc = {
    .scheme = SourceScheme::aws_oidc, .mint = mint, .longest_life = std::chrono::seconds(43200)};

}  // namespace berm

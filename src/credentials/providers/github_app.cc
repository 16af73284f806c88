// github-app:APP_ID/INSTALLATION_ID: a token of one hour for chosen repositories and permissions,
// which berm ends with the run.
// @see  GitHub REST API, "Create an installation access token for an app", "Revoke an installation
//       access token".
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"
#include "credentials/jwt.h"

namespace berm {
namespace {

using nlohmann::json;
using std::chrono::seconds;

std::string endpoint_of(const CredentialSource& source) {
  std::string endpoint = option(source.with, "endpoint");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint.empty() ? "https://api.github.com" : endpoint;
}

HttpsRequest github_request(const std::string& method, const std::string& url,
                            const Secret& bearer) {
  HttpsRequest request{.method = method, .url = url};
  request.headers = {{"Accept", "application/vnd.github+json", nullptr},
                     {"X-GitHub-Api-Version", "2022-11-28", nullptr},
                     {"Authorization", "Bearer ", &bearer}};
  return request;
}

// "contents:read, issues:write" as an object.
Result<json> permissions_of(const CredentialSource& source) {
  json out = json::object();
  for (const std::string& entry : list_of(option(source.scope, "permissions"))) {
    const std::size_t colon = entry.find(':');
    const std::string level = colon == std::string::npos ? "" : entry.substr(colon + 1);
    if (colon == 0 || (level != "read" && level != "write" && level != "admin")) {
      return failure(Errc::invalid_policy,
                     fmt::format("'{}' is no permission of a GitHub App", printable(entry)),
                     "write for example contents:read,issues:write");
    }
    out[entry.substr(0, colon)] = level;
  }
  return out;
}

int rank(std::string_view level) { return level == "read" ? 1 : level == "write" ? 2 : 3; }

// What `granted` has beyond what was asked for; "" if nothing. Every token reads metadata.
std::string excess(const json& asked, const json& granted) {
  if (asked.empty() || !granted.is_object()) return "";
  for (const auto& [name, level] : granted.items()) {
    if (!level.is_string() || (name == "metadata" && level == "read")) continue;
    const std::string wanted = text_of(asked, name);
    if (wanted.empty() || rank(level.get_ref<const std::string&>()) > rank(wanted)) {
      return fmt::format("{}:{}", name, level.get_ref<const std::string&>());
    }
  }
  return "";
}

// The short names in the answer.
std::vector<std::string> repositories_in(const json& answer) {
  std::vector<std::string> out;
  if (!answer.contains("repositories") || !answer["repositories"].is_array()) return out;
  for (const json& repository : answer["repositories"]) out.push_back(text_of(repository, "name"));
  return out;
}

Result<Secret> app_token(const MintContext& context, const CredentialSource& source,
                         const std::string& app) {
  const Secret key = BERM_TRY(read_static(context, source, option(source.with, "key")));
  // A minute back: GitHub refuses an `iat` ahead of its own clock. Ten minutes is the longest.
  const auto now = wall_now().time_since_epoch().count();
  const json claims = {{"iat", now - 60}, {"exp", now + 540}, {"iss", app}};
  return sign_rs256(key, claims.dump());
}

Result<void> end_token(const MintContext& context, const CredentialSource& source,
                       const Secret& token) {
  const Question question{
      .step = "revoke the installation token",
      .request = github_request("DELETE", endpoint_of(source) + "/installation/token", token),
      .fix = "suspend the installation in the App's settings if the token must end now"};
  BERM_TRY(ask(context, question));
  return {};
}

// The scope that was granted, or why it must not be used.
Result<std::string> granted_scope(const CredentialSource& source, const json& asked,
                                  const json& answer) {
  const std::vector<std::string> wanted = list_of(option(source.scope, "repositories"));
  const std::vector<std::string> got = repositories_in(answer);
  for (const std::string& name : got) {
    if (wanted.empty() || std::ranges::find(wanted, name) != wanted.end()) continue;
    return failure(Errc::denied, fmt::format("use the token: it reaches '{}', which was not asked "
                                             "for",
                                             printable(name)));
  }
  const bool all = text_of(answer, "repository_selection") == "all";
  if (all && !wanted.empty()) {
    return failure(Errc::denied, "use the token: it reaches every repository of the installation");
  }
  const json granted = answer.value("permissions", json::object());
  if (const std::string more = excess(asked, granted); !more.empty()) {
    return failure(Errc::denied, fmt::format("use the token: it may '{}', which was not asked for",
                                             printable(more)));
  }
  return printable(fmt::format("repositories={} permissions={}",
                               got.empty() ? "all" : fmt::format("{}", fmt::join(got, ",")),
                               dumped(granted)));
}

Result<Lease> mint(const MintContext& context, const CredentialSource& source,
                   const SourceAddress& address) {
  const json permissions = BERM_TRY(permissions_of(source));
  const Secret jwt = BERM_TRY(app_token(context, source, address.parts[0]));
  Question question{
      .step = "ask for an installation token",
      .request = github_request("POST",
                                fmt::format("{}/app/installations/{}/access_tokens",
                                            endpoint_of(source), address.parts[1]),
                                jwt),
      .fix =
          "check the App's id, its key, and that it is installed with these repositories and "
          "permissions"};
  json body = json::object();
  const std::vector<std::string> repositories = list_of(option(source.scope, "repositories"));
  if (!repositories.empty()) body["repositories"] = repositories;
  if (!permissions.empty()) body["permissions"] = permissions;
  question.request.content_type = "application/json";
  question.request.body = dumped_secret(body);
  json answer = BERM_TRY(ask(context, question));
  Lease lease;
  lease.value = BERM_TRY(take_token(answer, "token"));
  lease.handle.issuer = endpoint_of(source);
  const auto refused = [&](const Error& error) {
    (void)end_token(context, source, lease.value);
    return tl::unexpected(error);
  };
  const Result<std::string> scope = granted_scope(source, permissions, answer);
  if (!scope) return refused(scope.error());
  const Result<WallTime> expires = take_expiry(answer, "expires_at");
  if (!expires) return refused(expires.error());
  lease.report.issuer = endpoint_of(source);
  lease.report.expires = *expires;
  lease.report.scope = *scope;
  lease.report.revocable = true;
  if (repositories.empty() || permissions.empty()) {
    lease.report.note = "not narrowed: set scope.repositories and scope.permissions";
  }
  return lease;
}

Result<void> revoke(const MintContext& context, const CredentialSource& source, Lease& lease) {
  return end_token(context, source, lease.value);
}

}  // namespace

// A token whose value is lost cannot be ended: only it can end itself.
const Provider kGithubApp = {.scheme = SourceScheme::github_app,
                             .mint = mint,
                             .revoke = revoke,
                             .longest_life = seconds(3600)};

}  // namespace berm

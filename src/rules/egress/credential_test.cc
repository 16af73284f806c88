#include "rules/egress/credential.h"

#include <gtest/gtest.h>

#include "policy/parse.h"

namespace berm {
namespace {

EgressCredential credential(std::string name, std::vector<CredentialUse> to) {
  return {.name = std::move(name), .placeholder = "placeholder-of-it", .to = std::move(to)};
}

std::string found(const std::vector<EgressCredential>& all, std::string_view host,
                  std::uint16_t port, std::string_view method, std::string_view path) {
  const auto match = find_credential(all, host, port, method, path);
  return match ? all[match->credential].name : "";
}

TEST(FindCredential, HostPortMethodAndPathAllHaveToMatch) {
  const std::vector<EgressCredential> all = {
      credential("a", {{.host = "a.example", .methods = {"GET"}, .paths = {"/x/**"}}})};
  EXPECT_EQ(found(all, "a.example", 443, "GET", "/x/y"), "a");
  EXPECT_EQ(found(all, "a.example", 443, "POST", "/x/y"), "");
  EXPECT_EQ(found(all, "a.example", 443, "GET", "/y"), "");
  EXPECT_EQ(found(all, "a.example", 8443, "GET", "/x/y"), "");
  EXPECT_EQ(found(all, "b.a.example", 443, "GET", "/x/y"), "");
  EXPECT_EQ(found(all, "aa.example", 443, "GET", "/x/y"), "");
}

TEST(FindCredential, TheLongestPatternThatMatchesWins) {
  const std::vector<EgressCredential> all = {
      credential("any", {{.host = "a.example"}}),
      credential("wide", {{.host = "a.example", .paths = {"/repos/**"}}}),
      credential("narrow", {{.host = "a.example", .paths = {"/repos/acme/**", "/y"}}})};
  EXPECT_EQ(found(all, "a.example", 443, "GET", "/repos/acme/app"), "narrow");
  EXPECT_EQ(found(all, "a.example", 443, "GET", "/repos/other/app"), "wide");
  EXPECT_EQ(found(all, "a.example", 443, "GET", "/z"), "any");
  // A path with two readings is covered by a grant of every path only.
  EXPECT_EQ(found(all, "a.example", 443, "GET", ""), "any");
}

TEST(FindCredential, WhatIsExceptedIsNotCovered) {
  const std::vector<EgressCredential> all = {credential(
      "a", {{.host = "a.example", .paths = {"/r/**"}, .except = {"/r/keys", "/r/keys/**"}}})};
  EXPECT_EQ(found(all, "a.example", 443, "GET", "/r/issues"), "a");
  EXPECT_EQ(found(all, "a.example", 443, "POST", "/r/keys"), "");
  EXPECT_EQ(found(all, "a.example", 443, "POST", "/r/keys/1"), "");
}

// Whether the first place of the preset covers `path`, by the rule that egress has.
bool covers(const std::string& preset, const std::string& path) {
  const Result<PolicyLayer> parsed = parse_policy(
      "version = 1\n[credentials.r]\nfrom = \"env:K\"\nhost = "
      "\"registry.example\"\npreset = \"" +
          preset + "\"\n",
      "berm.toml");
  EXPECT_TRUE(parsed) << parsed.error().what;
  const std::vector<EgressCredential> credentials = {
      {.name = "r", .placeholder = "p", .to = parsed->credentials.at("r").to, .model = {}}};
  return find_credential(credentials, "registry.example", 443, "GET", path).has_value();
}

TEST(CredentialPresets, RegistriesLeaveOutAccountsAndTheirTokens) {
  const struct {
    const char* preset;
    std::vector<std::string> covered, excepted;
  } kRegistries[] = {
      {"npm",
       {"/left-pad", "/@acme%2fapp", "/-/package/left-pad/dist-tags", "/-/npm/v1/security/audits"},
       {"/-/npm/v1/tokens", "/-/npm/v1/tokens/token/1", "/-/npm/v1/user",
        "/-/user/org.couchdb.user:x", "/-/user/token/1"}},
      {"cargo",
       {"/api/v1/crates/new", "/api/v1/crates/serde/1.0.0/download", "/api/v1/crates/serde"},
       {"/api/v1/me", "/api/v1/me/tokens", "/api/v1/me/tokens/1", "/api/v1/crates/serde/owners",
        "/api/v1/trusted_publishing/tokens"}},
      {"pypi",
       {"/legacy/", "/simple/requests/", "/packages/a/b.whl"},
       {"/manage/account/", "/manage/account/token/", "/manage", "/account/login/",
        "/_/oidc/mint-token"}},
  };
  for (const auto& registry : kRegistries) {
    SCOPED_TRACE(registry.preset);
    for (const std::string& path : registry.covered)
      EXPECT_TRUE(covers(registry.preset, path)) << path;
    for (const std::string& path : registry.excepted) {
      EXPECT_FALSE(covers(registry.preset, path)) << path;
    }
  }
}

TEST(FindCredential, APatternOfHostsCoversWholeLabelsOnly) {
  const std::vector<EgressCredential> all = {
      credential("s3", {{.host = "*.s3.example", .carrier = Carrier::sigv4}})};
  EXPECT_EQ(found(all, "b.s3.example", 443, "PUT", "/k"), "s3");
  EXPECT_EQ(found(all, "s3.example", 443, "PUT", "/k"), "");
  EXPECT_EQ(found(all, "evils3.example", 443, "PUT", "/k"), "");
  EXPECT_TRUE(has_credential(all, "b.s3.example", 443));
  EXPECT_FALSE(has_credential(all, "b.s3.example", 80));
}

TEST(IsAuthenticationHeader, EveryNameBySomebodyAuthenticatesAndNoOther) {
  for (const char* name : {"Authorization",
                           "authorization",
                           "X-Api-Key",
                           "x_api_key",
                           "api-key",
                           "apikey",
                           "Cookie",
                           "PRIVATE-TOKEN",
                           "Job-Token",
                           "X-Vault-Token",
                           "x-goog-api-key",
                           "X-Amz-Security-Token",
                           "Proxy-Authorization",
                           "X-JFrog-Art-Api",
                           "X-NuGet-ApiKey",
                           "X-Auth",
                           "x-access-token",
                           "X-Shopify-Access-Token",
                           "X-Hub-Signature",
                           "Client-Secret",
                           "X-User-Password"}) {
    EXPECT_TRUE(is_authentication_header(name)) << name;
  }
  for (const char* name :
       {"Accept", "Content-Type", "X-Claude-Code-Session-Id", "Idempotency-Key", "If-Match",
        "Sec-WebSocket-Key", "anthropic-version", "X-Amz-Date", "x-amz-content-sha256",
        "Git-Protocol", "X-Author", "tokenizer", "monkey"}) {
    EXPECT_FALSE(is_authentication_header(name)) << name;
  }
}

TEST(WithoutAuthentication, TakesOutTheKeysHoweverTheyAreWritten) {
  EXPECT_EQ(without_authentication("a=1&access_token=x&b=2", "a.example"), "a=1&b=2");
  EXPECT_EQ(without_authentication("Access%5FToken=x", "a.example"), "");
  EXPECT_EQ(without_authentication("a=1&X-Amz-Signature=00&x-amz-credential=k", "a.example"),
            "a=1");
  EXPECT_EQ(without_authentication("a=1;token=x&b=2", "a.example"), "b=2");
  EXPECT_EQ(without_authentication("key=word", "a.example"), "key=word");
  EXPECT_EQ(without_authentication("key=AIza&alt=sse", "generativelanguage.googleapis.com"),
            "alt=sse");
  EXPECT_EQ(without_key("a=1&Key=2&b=3", "key"), "a=1&b=3");
}

}  // namespace
}  // namespace berm

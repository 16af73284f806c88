#include <gtest/gtest.h>

#include "credentials/age.h"
#include "credentials/issuer.h"
#include "credentials/issuers_test_support.h"
#include "credentials/jwt.h"

namespace berm {
namespace {

using nlohmann::json;
using test::github_source;
using test::Issuers;

using test::Providers;
using test::Scratch;
using test::Variable;
using test::vault_source;
using test::VaultLogin;

class IssuedCredentials : public Providers {
 protected:
  std::string refused(const CredentialSource& source) {
    const Result<Lease> lease = minted(source);
    return lease ? "minted" : render(lease.error());
  }
  Issuers issuers_;
};

TEST_F(IssuedCredentials, AGithubTokenIsNarrowedAndEnded) {
  Result<Lease> lease = minted(github_source(issuers_));
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_TRUE(lease->value.reveal().starts_with("ghs_12345_"));
  EXPECT_EQ(
      lease->report.scope,
      R"(repositories=app,docs permissions={"contents":"read","issues":"write","metadata":"read"})");
  EXPECT_TRUE(lease->report.revocable);
  EXPECT_EQ(lease->report.note, "");
  EXPECT_GT(*lease->report.expires, wall_now() + std::chrono::seconds(3500));
  const json asked = json::parse(
      issuers_.event("request", "POST /github/app/installations/678/access_tokens")["body"]
          .get<std::string>());
  EXPECT_EQ(asked, json::parse(R"({"repositories":["app","docs"],
                                   "permissions":{"contents":"read","issues":"write"}})"));
  EXPECT_EQ(issuers_.live().size(), 1U);
  EXPECT_TRUE(kGithubApp.revoke(context(), github_source(issuers_), *lease));
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_F(IssuedCredentials, AGithubTokenThatMayMoreThanWasAskedForIsRefused) {
  const std::string key = "POST /github/app/installations/678/access_tokens";
  const auto answer = [&](const json& permissions, const std::string& repository) {
    issuers_.answer(key, {{"status", 201},
                          {"body",
                           {{"token", "ghs_x"},
                            {"expires_at", "2999-01-01T00:00:00Z"},
                            {"permissions", permissions},
                            {"repositories", {{{"name", repository}}}}}}});
    return refused(github_source(issuers_));
  };
  EXPECT_EQ(answer({{"contents", "read"}, {"metadata", "read"}}, "app"), "minted");
  EXPECT_NE(answer({{"contents", "write"}}, "app").find("it may 'contents:write'"),
            std::string::npos);
  EXPECT_NE(answer({{"actions", "read"}}, "app").find("it may 'actions:read'"), std::string::npos);
  EXPECT_NE(answer({{"contents", "read"}}, "other").find("it reaches 'other'"), std::string::npos);
  EXPECT_EQ(issuers_.asked("DELETE /github/installation/token"), 3) << "what is refused is ended";
}

TEST_F(IssuedCredentials, ARefusalShowsStepStatusAndTheIssuersWordsEscaped) {
  const std::string key = "POST /github/app/installations/678/access_tokens";
  issuers_.answer(key, {{"status", 403},
                        {"body", {{"message", "not\x1b[2J accessible " + std::string(500, 'x')}}}});
  const std::string said = refused(github_source(issuers_));
  EXPECT_NE(said.find("ask for an installation token: 127.0.0.1:"), std::string::npos) << said;
  EXPECT_NE(said.find("answers 403: 'not\\e[2J accessible xxx"), std::string::npos) << said;
  EXPECT_NE(said.find("minting credential 'github' from github-app:12345/678"), std::string::npos);
  EXPECT_NE(said.find("fix:"), std::string::npos);
  EXPECT_LT(said.size(), 900U);
}

TEST_F(IssuedCredentials, AnswersThatCannotBeTrustedAreRefused) {
  const std::string key = "POST /github/app/installations/678/access_tokens";
  const std::string date = "2999-01-01T00:00:00Z";
  const struct {
    json answer;
    const char* says;
  } kCases[] = {
      {{{"body", "{\"token\": "}}, "not a JSON object"},
      {{{"body", "[1]"}}, "not a JSON object"},
      {{{"body", std::string(100, '[')}}, "not a JSON object"},
      {{{"body", json{{"token", 1}, {"expires_at", date}}}}, "no string 'token'"},
      {{{"body", json{{"token", "a\nb"}, {"expires_at", date}}}}, "a header must not have"},
      {{{"body", json{{"token", std::string("a\0b", 3)}, {"expires_at", date}}}},
       "a header must not have"},
      {{{"body", json{{"token", ""}, {"expires_at", date}}}}, "a header must not have"},
      {{{"body", json{{"token", std::string(40'000, 'a')}, {"expires_at", date}}}},
       "a header must not have"},
      {{{"body", json{{"token", "a"}}}}, "'expires_at' is no date"},
      {{{"body", json{{"token", "a"}, {"expires_at", "2020-01-01T00:00:00Z"}}}},
       "it expired at 2020-01-01T00:00:00Z"},
      {{{"body", std::string(2 << 20, ' ')}}, "body limit"},
      {{{"status", 302}, {"headers", {{"Location", "https://evil.example/"}}}}, "redirect (302)"},
      {{{"status", 500}, {"body", "out of order"}}, "try again later"},
      {{{"status", 429}, {"body", ""}}, "asked too often"},
  };
  for (const auto& [answer, says] : kCases) {
    issuers_.answer(key, answer);
    const std::string said = refused(github_source(issuers_));
    EXPECT_NE(said.find(says), std::string::npos) << says << " not in\n" << said;
  }
}

TEST_F(IssuedCredentials, AKeyThatIsNoRsaKeyIsRefused) {
  const Scratch scratch;
  CredentialSource source = github_source(issuers_);
  source.with["key"] = "file:" + scratch.file("a", "no key");
  EXPECT_NE(refused(source).find("read the private key"), std::string::npos);
  ASSERT_EQ(std::system(("openssl ecparam -name prime256v1 -genkey -noout -out " +
                         scratch.at("ec") + " && chmod 600 " + scratch.at("ec"))
                            .c_str()),
            0);
  source.with["key"] = "file:" + scratch.at("ec");
  EXPECT_NE(refused(source).find("it is not RSA"), std::string::npos);
}

TEST_F(IssuedCredentials, VaultIsReadInBothKvVersionsAndOurTokenEndsAtOnce) {
  const VaultLogin login;
  CredentialSource source = vault_source(issuers_);
  source.with["namespace"] = "team/a";
  source.from = "vault:secret/data/app#token";
  EXPECT_EQ(value_of(source), "kv2-value");
  source.from = "vault:kv/app#token";
  EXPECT_EQ(value_of(source), "kv1-value");
  source.from = "vault:kv/app#*";
  EXPECT_EQ(value_of(source), R"({"token":"kv1-value"})");
  EXPECT_TRUE(issuers_.live().empty());
  EXPECT_EQ(issuers_.asked("POST /vault/v1/auth/token/revoke-self"), 3);
  ASSERT_EQ(recorded_.size(), 3U);
  EXPECT_TRUE(recorded_[0].session.starts_with("accessor-of-")) << "an accessor, not a token";
}

TEST_F(IssuedCredentials, AVaultLeaseIsRecordedBeforeItsValueIsUsedAndEnds) {
  const VaultLogin login;
  Result<Lease> lease = minted(vault_source(issuers_));
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_TRUE(lease->value.reveal().starts_with("password-"));
  ASSERT_EQ(recorded_.size(), 2U);
  EXPECT_EQ(recorded_[0].lease, "");
  EXPECT_TRUE(recorded_[1].lease.starts_with("database/creds/agents/"));
  EXPECT_EQ(issuers_.live().size(), 2U);
  EXPECT_TRUE(kVault.revoke(context(), vault_source(issuers_), *lease));
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_F(IssuedCredentials, AVaultLeaseWhoseValueCannotBeUsedIsEnded) {
  const VaultLogin login;
  CredentialSource source = vault_source(issuers_);
  source.from = "vault:database/creds/agents#none";
  EXPECT_NE(refused(source).find("no string 'none'"), std::string::npos);
  EXPECT_TRUE(issuers_.live().empty());
  const Variable token("TEST_VAULT_TOKEN", "hvs.of-the-user");
  source.with = {{"address", issuers_.url("vault")}, {"token", "env:TEST_VAULT_TOKEN"}};
  EXPECT_NE(refused(source).find("no string 'none'"), std::string::npos);
  EXPECT_TRUE(issuers_.live().empty()) << "with the user's own token too";
}

TEST_F(IssuedCredentials, VaultTakesTheJobsIdentity) {
  const std::string identity = "env:TEST_IDENTITY";
  const Variable url("ACTIONS_ID_TOKEN_REQUEST_URL", issuers_.url("actions/token?api-version=2.0"));
  const Variable request("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token-of-the-job");
  CredentialSource source{.name = "v",
                          .from = "vault:kv/app#token",
                          .with = {{"address", issuers_.url("vault")},
                                   {"auth", "jwt"},
                                   {"role", "agents"},
                                   {"identity", "github-oidc:https://vault.example/a b"}}};
  EXPECT_EQ(value_of(source), "kv1-value");
}

class Clouds : public IssuedCredentials {
 protected:
  CredentialSource federated(const std::string& from, std::map<std::string, std::string> with,
                             std::map<std::string, std::string> scope) {
    with["identity"] = "github-oidc:audience";
    return {.name = "cloud", .from = from, .with = std::move(with), .scope = std::move(scope)};
  }
  Variable url_{"ACTIONS_ID_TOKEN_REQUEST_URL", issuers_.url("actions/token?api-version=2.0")};
  Variable token_{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token-of-the-job"};
};

TEST_F(Clouds, AwsGivesTheThreeKeysOfARole) {
  CredentialSource source = federated(
      "aws-oidc:arn:aws:iam::123456789012:role/agents", {{"endpoint", issuers_.url("sts")}},
      {{"policy", R"({"Version":"2012-10-17","Statement":[]})"},
       {"policy_arns", "arn:aws:iam::aws:policy/ReadOnlyAccess,arn:aws:iam::aws:policy/Other"}});
  source.ttl = Milliseconds(900'000);
  const Result<Lease> lease = minted(source);
  ASSERT_TRUE(lease) << render(lease.error());
  const json value = json::parse(lease->value.reveal());
  EXPECT_EQ(value["AccessKeyId"],
            "AS"
            "IA" +
                std::string(16, 'X'));
  EXPECT_EQ(value["SecretAccessKey"], "s/+" + std::string(37, 'k'));
  EXPECT_EQ(value["SessionToken"], std::string(200, 't'));
  EXPECT_EQ(value.size(), 3U);
  EXPECT_FALSE(lease->report.revocable);
  EXPECT_EQ(lease->report.scope, "arn:aws:sts::123456789012:assumed-role/x");
}

TEST_F(Clouds, GcpGivesATokenOfTheServiceAccount) {
  CredentialSource source = federated(
      "gcp-wif://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/"
      "x",
      {{"endpoint", issuers_.url("gcp")},
       {"iam_endpoint", issuers_.url("iam")},
       {"service_account", "agent@acme.iam.gserviceaccount.com"}},
      {{"scopes", "https://www.googleapis.com/auth/devstorage.read_only"}});
  source.ttl = Milliseconds(600'000);
  EXPECT_EQ(value_of(source), "ya29.of-the-account");
  source.with.erase("service_account");
  source.scope.clear();
  const Result<Lease> lease = minted(source);
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_EQ(lease->value.reveal(), "ya29.federated");
  EXPECT_EQ(lease->report.note, "not narrowed: set scope.scopes");
}

TEST_F(Clouds, AzureGivesATokenForOneResource) {
  const CredentialSource source =
      federated("azure-wif:tenant-1/client-1", {{"endpoint", issuers_.url("azure")}},
                {{"resource", "https://vault.azure.net"}});
  const Result<Lease> lease = minted(source);
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_EQ(lease->value.reveal(), "azure-token");
  EXPECT_GT(*lease->report.expires, wall_now() + std::chrono::seconds(3500));
}

TEST_F(Clouds, AnthropicGivesATokenOfAServiceAccount) {
  const CredentialSource source = federated("anthropic-wif:fdrl_1",
                                            {{"endpoint", issuers_.url("anthropic")},
                                             {"organization", "org-1"},
                                             {"service_account", "svac_1"},
                                             {"workspace", "wrkspc_1"}},
                                            {});
  const Result<Lease> lease = minted(source);
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_EQ(lease->report.scope, "workspace:inference");
  EXPECT_LE(*lease->report.expires, wall_now() + std::chrono::seconds(60));
}

TEST_F(Clouds, AnIssuerThatRepeatsTheQuestionDoesNotShowItsSecret) {
  issuers_.answer("GET /actions/token",
                  {{"status", 401}, {"body", {{"message", "bad: request-token-of-the-job!"}}}});
  const CredentialSource source = federated(
      "azure-wif:tenant-1/client-1", {{"endpoint", issuers_.url("azure")}}, {{"resource", "r"}});
  EXPECT_NE(refused(source).find("'bad: <secret>!'"), std::string::npos);
}

TEST_F(IssuedCredentials, AnExpiredIdentityIsNotSent) {
  const std::string payload = R"({"exp":1000000000})";
  const Scratch scratch;
  const std::string path = scratch.file("token", "e30.eyJleHAiOjEwMDAwMDAwMDB9.c2ln\n");
  EXPECT_EQ(claimed_expiry("e30.eyJleHAiOjEwMDAwMDAwMDB9.c2ln"),
            WallTime(std::chrono::seconds(1'000'000'000)));
  const CredentialSource source{
      .name = "a",
      .from = "azure-wif:tenant-1/client-1",
      .with = {{"identity", "file:" + path}, {"endpoint", issuers_.url("azure")}},
      .scope = {{"resource", "r"}}};
  EXPECT_NE(refused(source).find("it expired at 2001-09-09T01:46:40Z"), std::string::npos);
  EXPECT_EQ(issuers_.asked("POST /azure/tenant-1/oauth2/v2.0/token"), 0);
}

class AdminApi : public IssuedCredentials {
 protected:
  CredentialSource source() {
    return {.name = "anthropic",
            .from = "env:TEST_KEY",
            .with = {{"admin", "env:TEST_ADMIN"}, {"endpoint", issuers_.url("anthropic")}}};
  }
  Variable admin_{"TEST_ADMIN",
                  "sk-ant-"
                  "admin01-of-the-test"};
  Variable key_{"TEST_KEY",
                "sk-ant-"
                "api03-bbb" +
                    std::string(40, 'x') + "2222"};
};

TEST_F(AdminApi, TellsTheAgeOfAKeyThatItFindsByItsHint) {
  CredentialSource aged = source();
  Result<Lease> lease = minted(aged);
  ASSERT_TRUE(lease) << render(lease.error());
  EXPECT_EQ(lease->report.minted->time_since_epoch() / 86400,
            (wall_now() - std::chrono::hours(480)).time_since_epoch() / 86400);
  aged.max_age = Milliseconds(24LL * 86400 * 1000);
  lease = minted(aged);
  ASSERT_TRUE(lease);
  EXPECT_NE(lease->report.note.find("20 days old (Anthropic Admin API); max_age is"),
            std::string::npos)
      << lease->report.note;
  aged.max_age = Milliseconds(10LL * 86400 * 1000);
  EXPECT_NE(refused(aged).find("20 days old"), std::string::npos);
}

TEST_F(AdminApi, DisablesAKey) {
  const Result<KeyAge> key =
      find_anthropic_key(context(), source(), Secret(std::string(::getenv("TEST_KEY"))));
  ASSERT_TRUE(key) << render(key.error());
  EXPECT_EQ(key->key_id, "apikey_2");
  EXPECT_TRUE(disable_anthropic_key(context(), source(), key->key_id));
  EXPECT_EQ(issuers_.event("revoked")["what"], "apikey_2");
  EXPECT_FALSE(disable_anthropic_key(context(), source(), "../x"));
}

TEST_F(AdminApi, AKeyOfAnotherOrganizationIsNotFound) {
  const Variable other("TEST_KEY", "another-key");
  EXPECT_NE(refused(source()).find("find this API key"), std::string::npos);
}

}  // namespace
}  // namespace berm

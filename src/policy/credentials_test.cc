// [credentials.NAME] of a policy: read, refused, printed, bounded.
#include <gtest/gtest.h>

#include "policy/credential_presets.h"
#include "policy/merge.h"
#include "policy/parse.h"

namespace berm {
namespace {

Result<PolicyLayer> parse(const std::string& text) {
  return parse_policy("version = 1\n" + text, "berm.toml");
}

std::string why(const std::string& text) {
  const Result<PolicyLayer> parsed = parse(text);
  return parsed ? "" : parsed.error().what;
}

constexpr const char* kFull = R"([credentials.ci]
from = "github-app:12/34"
with = { key = "file:/etc/key.pem" }
scope = { repositories = ["a", "b"], permissions = { contents = "read" } }
to = [
  { host = "api.example:8443", header = "X-Key", format = "Bearer {}", methods = ["GET"], paths = ["/a/**"] },
  { host = "code.example", basic = "user" },
  { host = "*.s3.example.org", sigv4 = true, services = ["s3"], regions = ["eu-*"] },
  { host = "registry.example", exchanged = true, paths = ["/v2/**"] },
]
placeholder = "not-a-real-key"
env = { TOKEN = "x-{}" }
file = { path = "~/.rc", content = "token={}" }
)";

TEST(CredentialGrants, AreReadWhole) {
  const Result<PolicyLayer> parsed = parse(kFull);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().what;
  const CredentialGrant& grant = parsed->credentials.at("ci");
  EXPECT_EQ(grant.scope.at("repositories"), "a,b");
  EXPECT_EQ(grant.scope.at("permissions"), "contents:read");
  ASSERT_EQ(grant.to.size(), 4U);
  EXPECT_EQ(grant.to[0].host, "api.example");
  EXPECT_EQ(grant.to[0].port, 8443);
  EXPECT_EQ(grant.to[0].name, "x-key");
  EXPECT_EQ(grant.to[1].carrier, Carrier::basic);
  EXPECT_EQ(grant.to[2].services, std::vector<std::string>{"s3"});
  EXPECT_EQ(grant.to[3].carrier, Carrier::exchanged);
  EXPECT_EQ(grant.env.at("TOKEN"), "x-{}");
}

TEST(CredentialGrants, ArePrintedAsTheyWereRead) {
  for (const std::string& text :
       {std::string(kFull),
        std::string("[credentials.k]\nfrom = \"env:K\"\npreset = \"npm\"\nhost = \"npm.example\"\n"
                    "max_age = \"30d\"\nissued = \"2026-01-01\"\non_old = \"warn\"\n"),
        std::string(
            "[credentials.g]\nfrom = \"env:G\"\npreset = \"github\"\nrepositories = "
            "[\"acme/app\"]\n[credentials.o]\nfrom = \"env:O\"\npreset = \"openai\"\nmodel = { "
            "hosted_tools = \"refuse\", models = [\"m-*\"], max_output_tokens = 9, premium "
            "= true, permit = [\"t\"] }\n[limits]\ntokens = 5\ncost = 1.5\nrequests = "
            "3\ntoken_rate = "
            "9\non_token_rate = \"disable-key\"\n")}) {
    const Result<PolicyLayer> parsed = parse(text);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().what;
    const Result<PolicyLayer> again = parse_policy(to_toml(*parsed), "again");
    ASSERT_TRUE(again.has_value()) << again.error().what << to_toml(*parsed);
    EXPECT_EQ(*again, *parsed) << to_toml(*parsed);
  }
}

TEST(CredentialGrants, ThatCouldNotBeHeldAreRefused) {
  const auto grant = [](const std::string& to) {
    return "[credentials.k]\nfrom = \"env:K\"\nto = " + to + "\n";
  };
  EXPECT_EQ(why(grant(R"({ host = "a.example", header = "x-key" })")), "");
  for (const char* to :
       {R"({ host = "*.example.org", header = "x-key" })", R"({ host = "@npm", header = "x-key" })",
        R"({ host = "a.example:*", header = "x-key" })", R"({ header = "x-key" })",
        R"({ host = "a.example" })", R"({ host = "10.1.2.3", header = "x-key" })",
        R"({ host = "a.example", header = "a", query = "b" })",
        R"({ host = "a.example", header = "host" })",
        R"({ host = "a.example", header = "transfer-encoding" })",
        R"({ host = "a.example", header = "x\ny" })",
        R"({ host = "a.example", header = "a", format = "Bearer" })",
        R"({ host = "a.example", header = "a", format = "{} {}" })",
        R"({ host = "a.example", header = "a", format = "x\r\ny: {}" })",
        R"({ host = "a.example", header = "a", paths = ["x"] })",
        R"({ host = "a.example", header = "a", services = ["s3"] })"}) {
    EXPECT_NE(why(grant(to)), "") << to;
  }
}

TEST(CredentialGrants, ASourceIsOneThatThereIs) {
  const auto from = [](const std::string& source) {
    return why("[credentials.k]\nfrom = \"" + source +
               "\"\nto = { host = \"a.example\", header = \"x\" }\n");
  };
  EXPECT_EQ(from("env:NAME"), "");
  EXPECT_EQ(from("file:/etc/key"), "");
  EXPECT_NE(from("file:key").find("berm.toml:3:8"), std::string::npos) << from("file:key");
  for (const char* source : {"", "env:", "sk-something", "http://x", "github-app:x", "vault:"}) {
    EXPECT_NE(from(source), "") << source;
  }
  EXPECT_NE(why("[credentials.k]\nfrom = \"env:K\"\nwith = { nonsense = \"x\" }\nto = { host = "
                "\"a.example\", header = \"x\" }\n"),
            "");
}

TEST(CredentialGrants, RulesOfAModelApiBelongToOne) {
  EXPECT_NE(why("[credentials.k]\nfrom = \"env:K\"\nto = { host = \"a.example\", header = \"x\" "
                "}\nmodel = { max_output_tokens = 1 }\n"),
            "");
}

TEST(CredentialPresets, NeedWhatTheyCannotKnow) {
  for (const std::string_view preset : preset_names()) {
    CredentialGrant grant;
    const Result<void> bare = apply_preset(preset, {}, grant);
    const bool model = preset == "anthropic" || preset == "openai" || preset == "gemini";
    EXPECT_EQ(bare.has_value(), model) << preset;
    CredentialGrant whole;
    ASSERT_TRUE(apply_preset(
        preset, {.host = "h.example", .user = "u", .repositories = {"acme/app"}}, whole))
        << preset;
    EXPECT_FALSE(whole.to.empty()) << preset;
  }
  EXPECT_FALSE(why("[credentials.k]\nfrom = \"env:K\"\npreset = \"githup\"\n").empty());
}

std::vector<CredentialUse> docker_uses(const std::string& more) {
  const Result<PolicyLayer> parsed =
      parse("[credentials.r]\nfrom = \"env:K\"\npreset = \"docker\"\nuser = \"robot\"\n" + more);
  EXPECT_TRUE(parsed) << parsed.error().what;
  return parsed ? parsed->credentials.at("r").to : std::vector<CredentialUse>();
}

TEST(CredentialPresets, ARegistryWithATokenServiceIsAskedWithItsTokens) {
  const std::vector<CredentialUse> hub = docker_uses("host = \"docker.io\"\n");
  ASSERT_EQ(hub.size(), 2U);
  EXPECT_EQ(hub[0].host, "auth.docker.io");
  EXPECT_EQ(hub[0].carrier, Carrier::basic);
  EXPECT_EQ(hub[0].name, "robot");
  EXPECT_EQ(hub[0].methods, std::vector<std::string>{"GET"});
  EXPECT_EQ(hub[0].paths, std::vector<std::string>{"/token"});
  EXPECT_EQ(hub[1].host, "registry-1.docker.io");
  EXPECT_EQ(hub[1].carrier, Carrier::exchanged);
  const std::vector<CredentialUse> narrow =
      docker_uses("host = \"ghcr.io\"\nrepositories = [\"acme/app\"]\n");
  ASSERT_EQ(narrow.size(), 2U);
  EXPECT_EQ(narrow[0].host, "ghcr.io");
  EXPECT_EQ(narrow[1].paths, (std::vector<std::string>{"/v2/", "/v2/acme/app/**"}));
  // The control: a registry of one's own takes the password itself.
  const std::vector<CredentialUse> own = docker_uses("host = \"registry.corp.example\"\n");
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].carrier, Carrier::basic);
  EXPECT_EQ(own[0].paths, std::vector<std::string>{"/v2/**"});
}

TEST(CredentialGrants, AnExchangedTokenNeedsAPlaceThatGivesIt) {
  const std::string grant = "[credentials.r]\nfrom = \"env:K\"\n";
  const std::string exchanged = "{ host = \"r.example\", exchanged = true }";
  EXPECT_NE(why(grant + "to = " + exchanged).find("needs a place that answers"), std::string::npos);
  EXPECT_NE(why(grant + "to = { host = \"r.example\", exchanged = true, basic = \"u\" }")
                .find("needs one of"),
            std::string::npos);
  EXPECT_EQ(why(grant + "to = [{ host = \"a.example\", basic = \"u\" }, " + exchanged + "]"), "");
}

TEST(CredentialPresets, APlaceholderIsShapedLikeAKeyAndAnotherInEachRun) {
  EXPECT_TRUE(make_placeholder("github", "r-1", "a")
                  .starts_with("ghs"
                               "_"));
  EXPECT_EQ(make_placeholder("github", "r-1", "a"), make_placeholder("github", "r-1", "a"));
  EXPECT_NE(make_placeholder("github", "r-1", "a"), make_placeholder("github", "r-2", "a"));
  EXPECT_NE(make_placeholder("github", "r-1", "a"), make_placeholder("github", "r-1", "b"));
  EXPECT_EQ(make_placeholder("aws", "r-1", "a").size(), 20U);
}

TEST(CredentialGrants, BeyondTheCeilingAreRefused) {
  const PolicyLayer granted = *parse(kFull);
  PolicyLayer other = granted;
  other.credentials.at("ci").to[0].paths = {"/**"};
  const NamedLayer ceiling{.source = "ceiling", .layer = granted};
  EXPECT_TRUE(merge_policy({{.source = "file", .layer = granted}}, ceiling).has_value());
  EXPECT_FALSE(merge_policy({{.source = "file", .layer = other}}, ceiling).has_value());
  PolicyLayer limits;
  limits.limits.tokens = 10;
  const Result<MergedPolicy> lowered = merge_policy(
      {{.source = "file", .layer = *parse("[limits]\ntokens = 50\n")}}, {"ceiling", limits});
  ASSERT_TRUE(lowered.has_value());
  EXPECT_EQ(lowered->policy.model_budget.tokens, 10U);
}

}  // namespace
}  // namespace berm

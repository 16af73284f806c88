#include <gtest/gtest.h>

#include "base/wall_time.h"
#include "credentials/age.h"
#include "credentials/journal.h"
#include "credentials/keeper.h"
#include "credentials/provider.h"
#include "policy/credential_source.h"

namespace berm {
namespace {

TEST(Source, EachSchemeTakesItsFormAndNothingElse) {
  const struct {
    std::string_view from;
    bool ok;
  } kCases[] = {
      {"env:TOKEN_1", true},
      {"env:1TOKEN", false},
      {"env:A B", false},
      {"env:", false},
      {"ENV:A", false},
      {"env", false},
      {"", false},
      {"file:/run/key", true},
      {"file:key", false},
      {"file:~/key", false},
      {"file:/a\nb", false},
      {"fd:0", true},
      {"fd:12", true},
      {"fd:03", false},
      {"fd:-1", false},
      {"fd:99999", false},
      {"command:op read op://a/b", true},
      {"command:  ", false},
      {"keyring:service=berm user=me", true},
      {"keyring:service", false},
      {"keyring:--x=y", false},
      {"keyring:service=", false},
      {"vault:secret/data/app#token", true},
      {"vault:secret/data/app#*", true},
      {"vault:secret/data/app", false},
      {"vault:/secret#a", false},
      {"vault:secret/../sys#a", false},
      {"vault:secret//a#a", false},
      {"vault:secret?a#a", false},
      {"vault:a#b#c", false},
      {"github-app:12345/678", true},
      {"github-app:Iv23liABC/678", true},
      {"github-app:12345/a", false},
      {"github-app:12345", false},
      {"github-app:12345/6/7", false},
      {"aws-oidc:arn:aws:iam::123456789012:role/x/agents", true},
      {"aws-oidc:arn:aws-cn:iam::123456789012:role/agents", true},
      {"aws-oidc:arn:aws:iam::123456789012:user/x", false},
      {"aws-oidc:arn:aws:iam::12345678901:role/x", false},
      {"gcp-wif://iam.googleapis.com/projects/1/locations/global/x", true},
      {"gcp-wif:https://iam.googleapis.com/", false},
      {"azure-wif:contoso.onmicrosoft.com/11-22", true},
      {"azure-wif:../x", false},
      {"azure-wif:a/b/c", false},
      {"anthropic-wif:fdrl_01AB", true},
      {"anthropic-wif:svac_1", false},
  };
  for (const auto& [from, ok] : kCases) {
    const Result<SourceAddress> parsed = parse_source(from);
    EXPECT_EQ(parsed.has_value(), ok) << from;
    if (parsed) {
      EXPECT_EQ(parse_source(to_text(*parsed)), *parsed) << from;
    }
  }
}

TEST(Source, AnUnknownSchemeNamesThoseThereAreAndTheNearest) {
  const Result<SourceAddress> parsed = parse_source("valt:secret/x#y");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Errc::invalid_policy);
  EXPECT_NE(parsed.error().what.find("did you mean 'vault:'"), std::string::npos);
  for (const Provider* provider : kProviders) {
    EXPECT_NE(parsed.error().fix.find(name_of(provider->scheme)), std::string::npos)
        << name_of(provider->scheme);
  }
}

TEST(Source, EverySchemeHasOneProviderThatReadsOrMints) {
  for (std::size_t i = 0; i < std::size(kProviders); ++i) {
    const auto scheme = static_cast<SourceScheme>(i);
    EXPECT_EQ(provider_of(scheme).scheme, scheme);
    EXPECT_EQ(provider_of(scheme).read != nullptr, is_static(scheme));
    EXPECT_EQ(provider_of(scheme).mint != nullptr, !is_static(scheme));
  }
}

TEST(Source, AnEscapeSequenceInItIsShownNotDone) {
  const Result<SourceAddress> parsed = parse_source("env:\x1b]0;title\x07");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().what.find('\x1b'), std::string::npos);
}

CredentialSource github() {
  return {.name = "github", .from = "github-app:1/2", .with = {{"key", "file:/k"}}};
}

TEST(Source, AValueWhereASourceBelongsIsRefused) {
  CredentialSource source = github();
  EXPECT_TRUE(check_source(source));
  source.with["key"] = "-----BEGIN PRIVATE KEY-----";
  EXPECT_FALSE(check_source(source));
  source.with["key"] = "vault:a#b";  // an issued one inside of an issued one
  EXPECT_FALSE(check_source(source));
}

TEST(Source, UnknownAndMissingOptionsAreRefused) {
  CredentialSource source = github();
  source.scope["repository"] = "a";
  const Result<void> checked = check_source(source);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().fix, "did you mean 'repositories'?");
  source = github();
  source.with.clear();
  EXPECT_FALSE(check_source(source));
  EXPECT_FALSE(
      check_source({.name = "a", .from = "azure-wif:t/c", .with = {{"identity", "env:A"}}}));
  EXPECT_FALSE(check_source({.name = "a", .from = "vault:a#b", .with = {{"auth", "ldap"}}}));
  EXPECT_FALSE(check_source({.name = "a", .from = "vault:a#b", .with = {{"auth", "jwt"}}}));
  EXPECT_FALSE(check_source({.name = "a b", .from = "env:A"}));
}

TEST(Source, ALifeThatTheIssuerCannotGiveIsRefused) {
  CredentialSource source{.name = "aws",
                          .from = "aws-oidc:arn:aws:iam::123456789012:role/x",
                          .with = {{"identity", "github-oidc:sts.amazonaws.com"}}};
  for (const auto& [seconds, ok] :
       {std::pair{899, false}, {900, true}, {43200, true}, {43201, false}}) {
    source.ttl = Milliseconds(seconds * 1000);
    EXPECT_EQ(check_source(source).has_value(), ok) << seconds;
  }
  CredentialSource app = github();
  app.ttl = Milliseconds(600'000);
  EXPECT_FALSE(check_source(app));
  app = github();
  app.max_age = Milliseconds(1000);
  EXPECT_FALSE(check_source(app));
}

TEST(Source, ABrokerSeesTheVariablesThatSourcesNameAndNoOthers) {
  EXPECT_EQ(variables_of({.name = "a", .from = "env:KEY"}), std::vector<std::string>{"KEY"});
  EXPECT_EQ(variables_of({.name = "a", .from = "vault:a#b"}),
            (std::vector<std::string>{"VAULT_ADDR", "VAULT_TOKEN"}));
  EXPECT_EQ(
      variables_of({.name = "a",
                    .from = "anthropic-wif:fdrl_1",
                    .with = {{"identity", "github-oidc:https://api.anthropic.com"}}}),
      (std::vector<std::string>{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}));
  EXPECT_TRUE(variables_of({.name = "a", .from = "file:/a"}).empty());
}

TEST(WallTime, ReadsWhatIssuersWriteAndNothingElse) {
  const struct {
    std::string_view text;
    std::string_view is;
  } kCases[] = {
      {"2026-11-22", "2026-11-22T00:00:00Z"},
      {"2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"},
      {"2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00Z"},
      {"2026-11-22t10:00:00+01:30", "2026-11-22T08:30:00Z"},
      {"2026-12-31T23:59:60-00:30", "2027-01-01T00:29:59Z"},
      {"2024-02-29", "2024-02-29T00:00:00Z"},
      {"1969-12-31", ""},
      {"1970-01-01T00:00:00+00:01", ""},
      {"2026-02-29", ""},
      {"2026-13-01", ""},
      {"2026-1-1", ""},
      {"2026-11-22T24:00:00Z", ""},
      {"2026-11-22T10:00:00", ""},
      {"2026-11-22T10:00:00.Z", ""},
      {"2026-11-22T10:00:00Z ", ""},
      {"", ""},
  };
  for (const auto& [text, is] : kCases) {
    const std::optional<WallTime> time = parse_wall_time(text);
    EXPECT_EQ(time ? to_text(*time) : "", is) << text;
  }
}

WallTime day(std::string_view text) { return *parse_wall_time(text); }

TEST(Age, WarnsAtFourFifthsAndRefusesBehindTheLimit) {
  const Milliseconds ten_days(10LL * 86400 * 1000);
  const KeyAge age{.created = day("2026-11-01")};
  const struct {
    std::string_view now;
    AgeVerdict verdict;
  } kCases[] = {{"2026-11-08T23:59:59Z", AgeVerdict::fresh},
                {"2026-11-09", AgeVerdict::warn},
                {"2026-11-11", AgeVerdict::warn},
                {"2026-11-11T00:00:01Z", AgeVerdict::exceeded}};
  for (const auto& [now, verdict] : kCases) {
    EXPECT_EQ(judge_age(age, ten_days, day(now)), verdict) << now;
  }
  EXPECT_EQ(judge_age({}, ten_days, day("2026-11-11")), AgeVerdict::unknown);
  EXPECT_EQ(judge_age({.expires = day("2026-11-11")}, {}, day("2026-11-11")), AgeVerdict::exceeded);
  EXPECT_EQ(judge_age({.expires = day("2026-11-11")}, {}, day("2026-11-10")), AgeVerdict::warn);
}

TEST(Age, ALimitThatNobodyCanCheckRefuses) {
  CredentialSource source{.name = "a", .from = "env:A"};
  EXPECT_EQ(refuse_if_old(source, {}), "");
  source.max_age = Milliseconds(1000);
  const Result<std::string> judged = refuse_if_old(source, {});
  ASSERT_FALSE(judged);
  EXPECT_NE(judged.error().fix.find("issued"), std::string::npos);
  EXPECT_FALSE(refuse_if_old({.name = "a", .from = "env:A"}, {.status = "inactive"}));
}

TEST(Age, AHintMatchesBothEndsOfAKey) {
  EXPECT_TRUE(matches_hint("prefix-middle-end", "prefix-...end"));
  EXPECT_FALSE(matches_hint("prefix-middle-end", "prefix-...ens"));
  EXPECT_FALSE(matches_hint("prefix-middle-end", "prefix-..."));
  EXPECT_FALSE(matches_hint("prefix-middle-end", "prefix-middle-end"));
  EXPECT_FALSE(matches_hint("abc", "ab...bc")) << "the ends overlap";
}

TEST(Keeper, RenewsAQuarterOfALifeBeforeItsEndAtMostFiveMinutes) {
  const WallTime now = day("2026-11-22");
  using std::chrono::seconds;
  EXPECT_EQ(renewal_time(now, now + seconds(3600)), now + seconds(3300));
  EXPECT_EQ(renewal_time(now, now + seconds(60)), now + seconds(45));
  EXPECT_EQ(renewal_time(now, now + seconds(2)), now + seconds(1));
}

JournalContent content() {
  LeaseRecord record{.id = "github#1",
                     .live = true,
                     .source = github(),
                     .handle = {"https://a", "lease/1", "accessor"},
                     .since = day("2026-11-22"),
                     .expires = day("2026-11-23")};
  record.source.max_age = Milliseconds(5);
  record.source.issued = "2026-01-01";
  return {.run = "run-1", .keeper = own_process_id(), .leases = {record}};
}

TEST(Journal, ComesBackAsItWasWritten) {
  EXPECT_EQ(parse_journal(to_json_text(content())), content());
  for (const char* bad : {"", "{}", "[]", R"({"version":2,"run":"a"})",
                          R"({"version":1,"run":"../a","keeper":{},"leases":[]})",
                          R"({"version":1,"run":"a","keeper":{},"leases":[1]})"}) {
    EXPECT_FALSE(parse_journal(bad)) << bad;
  }
}

TEST(Journal, AProcessIsItselfOnlyWithItsStartAndBoot) {
  ProcessId own = own_process_id();
  EXPECT_TRUE(is_running(own));
  own.start += 1;
  EXPECT_FALSE(is_running(own)) << "another process took the number";
  own = own_process_id();
  own.boot = "another";
  EXPECT_FALSE(is_running(own));
}

}  // namespace
}  // namespace berm

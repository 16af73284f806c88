#include "redact/patterns.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "redact/credentials.h"
#include "redact/redactor.h"

namespace berm {
namespace {

// Samples are written so that no scanner stumbles over this file: "{a40}" stands for 40 letters and
// digits, {h} hexadecimal, {u} upper-case and digits, {l} lower-case and digits, {d} digits, {b}
// base64 without '-' and '_'. The same everywhere, so a failure can be repeated.
std::string filled(std::string_view text) {
  const std::map<char, std::string_view> alphabets = {{'a', "q7Zr2LwKx9TvB4mNcY5hPd3FgJ8sWb6R"},
                                                      {'h', "3f9a0c7e1b5d8264"},
                                                      {'u', "Q7ZR2LWKX9TVB4MNCY5HPD3FGJ8SWA6E"},
                                                      {'l', "q7zr2lwkx9tvb4mncy5hpd3fgj8swa6e"},
                                                      {'d', "7305918264"},
                                                      {'b', "q7Z/2LwKx9TvB4m+cY5hPd3FgJ8sWb6R"}};
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t close = text.find('}', at);
    const bool fill = text[at] == '{' && close != std::string_view::npos && close - at > 2 &&
                      alphabets.contains(text[at + 1]);
    if (!fill) {
      out += text[at];
      continue;
    }
    const std::string_view alphabet = alphabets.at(text[at + 1]);
    const int count = std::stoi(std::string(text.substr(at + 2, close - at - 2)));
    for (int i = 0; i < count; ++i) out += alphabet[static_cast<std::size_t>(i) % alphabet.size()];
    at = close;
  }
  return out;
}

struct Samples {
  std::string_view kind;
  std::string_view yes[2];
  std::string_view no[2];
};

// clang-format off
constexpr Samples kSamples[] = {
    {"anthropic-key", {"sk-ant-api03-{a93}AA", "K=sk-ant-admin01-{a60}"}, {"sk-ant-api03-short", "sk-ant-api-{a60}"}},
    {"anthropic-token", {"sk-ant-oat01-{a60}", "Bearer sk-ant-ort01-{a60}"}, {"sk-ant-oat01-{a39}", "task-ant-oat01-{a60}"}},
    {"openai-key", {"sk-proj-{a60}", "\"sk-svcacct-{a60}\""}, {"sk-proj-{a39}", "risk-proj-{a60}"}},
    {"openai-legacy-key", {"sk-{a20}T3BlbkFJ{a20}", "k: sk-{l20}T3BlbkFJ{l20}"}, {"sk-{a48}", "sk-{a20}T3BlbkFJ{a21}"}},
    {"openrouter-key", {"sk-or-v1-{h64}", "'sk-or-v1-{h64}'"}, {"sk-or-v1-{h63}", "sk-or-v1-{h65}"}},
    {"groq-key", {"gsk_{a52}", "x=gsk_{a48}"}, {"gsk_{a30}", "_gsk_{a52}"}},
    {"xai-key", {"xai-{a80}", "(xai-{a70})"}, {"xai-{a40}", "maxai-{a80}"}},
    {"perplexity-key", {"pplx-{a48}", "=pplx-{a40}"}, {"pplx-{a20}", "pplx-{a20}-{a20}"}},
    {"replicate-token", {"r8_{a37}", "=r8_{a37}"}, {"r8_{a36}", "r8_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
    {"huggingface-token", {"hf_{a34}", "T: hf_{a30}"}, {"hf_{a20}", "hf_get_the_model_of_a_name_and_more"}},
    {"huggingface-org-token", {"api_org_{a34}", "=api_org_{a30}"}, {"api_org_{a20}", "my_api_org_{a34}"}},
    {"langsmith-key", {"lsv2_pt_{h32}_{h10}", "=lsv2_sk_{h32}_{h10}"}, {"lsv2_pt_{h32}", "lsv2_xx_{h32}_{h10}"}},
    {"aws-access-key", {"AKIA{u16}", "id = \"ASIA{u16}\""}, {"MAKIA{u16}", "AKIA{u17}"}},
    {"aws-secret-key", {"aws_secret_access_key = {b40}", "\"SecretAccessKey\": \"{b40}\""}, {"aws_secret_access_key = {b41}", "secret_access_key = os.environ"}},
    {"aws-session-token", {"AWS_SESSION_TOKEN={b200}==", "\"SessionToken\": \"{b120}\""}, {"session_token = {b50}", "session_token(request, response)"}},
    {"aws-bedrock-key", {"ABSK{b120}=", "ABSK{b109}"}, {"ABSK{b40}", "xABSK{b120}"}},
    {"google-api-key", {"AIza{a35}", "key=AIza{a35}&x"}, {"AIza{a34}", "xAIza{a35}"}},
    {"google-oauth-token", {"ya29.{a60}", "Bearer ya29.a0_{a60}"}, {"ya29.{a20}", "maya29.{a60}"}},
    {"google-oauth-secret", {"GOCSPX-{a28}", "\"GOCSPX-{l28}\""}, {"GOCSPX-{a20}", "GOCSPX_{a28}"}},
    {"azure-client-secret", {"abc8Q~{a34}", "s=x.y1Q~{a31}"}, {"Q~{a34}", "abcdQ~{a34}"}},
    {"azure-storage-key", {"AccountName=a;AccountKey={b86}==", "\"accountKey\": \"{b86}==\""}, {"AccountKey={b80}==", "AccountKey=<key>"}},
    {"azure-shared-access-key", {"SharedAccessKey={b43}=", "sharedaccesskey = \"{b43}=\""}, {"SharedAccessKey={b40}=", "SharedAccessKeyName={b43}="}},
    {"azure-sas-signature", {"?sv=1&sig={b43}%3D", "https://x/?sig={b43}="}, {"&sig={b20}", "&design={b43}"}},
    {"digitalocean-token", {"dop_v1_{h64}", "=doo_v1_{h64}"}, {"dop_v1_{h40}", "dox_v1_{h64}"}},
    {"databricks-token", {"dapi{h32}", "=dapi{h32}-2"}, {"dapi{h31}", "rapidapi{h32}"}},
    {"heroku-key", {"HRKU-AA{a58}", "=HRKU-AA{a50}"}, {"HRKU-AA{a20}", "HRKU-BB{a58}"}},
    {"fly-token", {"fm2_{b140}", "FlyV1 fm2_{b100}=="}, {"fm2_{b50}", "afm2_{b140}"}},
    {"netlify-token", {"nfp_{a36}", "=nfp_{a40}"}, {"nfp_{a20}", "_nfp_{a36}"}},
    {"supabase-token", {"sbp_{h40}", "'sbp_{h40}'"}, {"sbp_{h39}", "sbp_{h41}"}},
    {"planetscale-token", {"pscale_tkn_{a43}", "pscale_pw_{a32}"}, {"pscale_tkn_{a20}", "pscale_id_{a43}"}},
    {"tailscale-key", {"tskey-auth-{a12}-{a32}", "tskey-api-{a12}-{a32}"}, {"tskey-auth-{a5}", "tskey-none-{a12}-{a32}"}},
    {"github-token", {"ghp_{a36}", "x\\nghu_{a36}"}, {"ghp_{a35}", "xghp_{a36}"}},
    {"github-installation-token", {"ghs_{a36}", "ghs_123456_ey{a40}.ey{a300}.{a90}"}, {"ghs_{a35}", "ghs-{a36}"}},
    {"github-fine-grained-token", {"github_pat_{a22}_{a59}", "=github_pat_{a60}"}, {"github_pat_{a30}", "my_github_pat_{a82}"}},
    {"gitlab-token", {"glpat-{a20}", "glrt-t3_{a20}"}, {"glpat-{a10}", "glxat-{a20}"}},
    {"atlassian-token", {"ATATT3x{a180}={h8}", "=ATATT3{a150}"}, {"ATATT3{a50}", "xATATT3{a180}"}},
    {"circleci-token", {"CCIPAT_{a22}_{h40}", "=CCIPAT_{l22}_{h40}"}, {"CCIPAT_{a22}", "CCIPAT_{a22}_{h39}"}},
    {"buildkite-token", {"bkua_{h40}", "=bkua_{h40};"}, {"bkua_{h39}", "abkua_{h40}"}},
    {"sourcegraph-token", {"sgp_{h40}", "sgp_{h16}_{h40}"}, {"sgp_{h20}", "xsgp_{h40}"}},
    {"linear-key", {"lin_api_{a40}", "=lin_api_{l40}"}, {"lin_api_{a39}", "lin_app_{a40}"}},
    {"npm-token", {"npm_{a36}", "=npm_{l36}"}, {"npm_{a37}", "npm_config_registry_of_the_user_account"}},
    {"npm-auth-token", {"//r.example/:_authToken={a36}", "\"_authToken\": \"{h36}\""}, {"_authToken=${NPM_TOKEN}", "_authToken=short1"}},
    {"pypi-token", {"pypi-AgE{a150}", "=pypi-AgE{a50}"}, {"pypi-AgE{a20}", "pypi-server-{a60}"}},
    {"cargo-token", {"cio{a32}", "token = \"cio{a32}\""}, {"cio{a31}", "cioaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
    {"rubygems-key", {"rubygems_{h48}", ":rubygems_{h48}"}, {"rubygems_{h47}", "rubygems_version_of_the_system"}},
    {"nuget-key", {"oy2{l43}", "=oy2{l43}"}, {"oy2{l42}", "boy2{l43}"}},
    {"docker-token", {"dckr_pat_{a27}", "dckr_oat_{a32}"}, {"dckr_pat_{a20}", "dckr_xat_{a27}"}},
    {"docker-auth", {"{\"auth\": \"{b40}==\"}", "\"auth\":\"{b24}\""}, {"\"auth\": \"none\"", "\"auth\": {"}},
    {"slack-token", {"xoxb-{d12}-{d12}-{a24}", "xoxp-{d12}-{a24}"}, {"xoxb-{a10}", "xoxz-{a40}"}},
    {"slack-app-token", {"xapp-1-{u11}-{d13}-{h64}", "=xapp-{a20}"}, {"xapp-1-{a5}", "exapp-{a40}"}},
    {"slack-webhook", {"https://hooks.slack.com/services/T{u9}/B{u9}/{a24}", "hooks.slack.com/workflows/T{u9}/A{u9}/{d18}{a24}"}, {"https://hooks.slack.com/services/", "https://hooks.slack.com/services/T0/B0/x"}},
    {"discord-webhook", {"https://discord.com/api/webhooks/{d18}/{a68}", "discordapp.com/api/webhooks/{d19}/{a68}"}, {"discord.com/api/webhooks/{d18}/{a9}", "discord.com/api/webhooks/id/{a68}"}},
    {"stripe-key", {"sk_live_{a24}", "rk_live_{a99}"}, {"sk_live_{a10}", "ask_live_{a24}"}},
    {"stripe-test-key", {"sk_test_{a24}", "rk_test_{a99}"}, {"sk_test_{a10}", "task_test_{a24}"}},
    {"webhook-secret", {"whsec_{b32}", "=whsec_{b44}"}, {"whsec_{b20}", "my_whsec_{b32}"}},
    {"square-token", {"sq0atp-{a22}", "sq0csp-{a43}"}, {"sq0atp-{a20}", "sq0xxx-{a43}"}},
    {"shopify-token", {"shpat_{h32}", "=shpss_{h32}"}, {"shpat_{h31}", "shpxx_{h32}"}},
    {"sendgrid-key", {"SG.{a22}.{a43}", "=SG.{l22}.{l43}"}, {"SG.{a22}", "MSG.{a22}.{a43}"}},
    {"mailgun-key", {"key-{h32}", "api:key-{h32}@"}, {"key-{h31}", "monkey-{h32}"}},
    {"twilio-key", {"SK{h32}", "sid=\"SK{h32}\""}, {"SK{h31}", "SK{h33}"}},
    {"sentry-token", {"sntrys_eyJ{b80}", "sntryu_{h64}"}, {"sntrys_{b80}", "sntryu_{h63}"}},
    {"grafana-token", {"glsa_{a32}_{h8}", "glc_eyJ{b60}"}, {"glsa_{a32}", "glc_{b60}"}},
    {"newrelic-key", {"NRAK-{u27}", "=NRAK-{u27}"}, {"NRAK-{u26}", "XNRAK-{u27}"}},
    {"postman-key", {"PMAK-{h24}-{h34}", "=PMAK-{h24}-{h34}"}, {"PMAK-{h24}", "PMAK-{h24}-{h33}"}},
    {"figma-token", {"figd_{a40}", "=figd_{a43}"}, {"figd_{a20}", "xfigd_{a40}"}},
    {"notion-token", {"ntn_{d11}{a35}", "=ntn_{a46}"}, {"ntn_{a20}", "cntn_{a46}"}},
    {"vault-token", {"hvs.{a90}", "X-Vault-Token: hvb.{a130}"}, {"hvs.{a20}", "xhvs.{a90}"}},
    {"doppler-token", {"dp.pt.{a43}", "dp.st.dev_main.{a43}"}, {"dp.pt.{a20}", "udp.pt.{a43}"}},
    {"onepassword-token", {"ops_eyJ{b200}", "=ops_eyJ{b150}=="}, {"ops_eyJ{b50}", "devops_eyJ{b200}"}},
    {"terraform-token", {"{a14}.atlasv1.{a67}", "\"{a14}.atlasv1.{l60}\""}, {"{a14}.atlasv1.{a20}", "{a14}.atlasv2.{a67}"}},
    {"pulumi-token", {"pul-{h40}", "=pul-{h40}"}, {"pul-{h39}", "kapul-{h40}"}},
    {"age-key", {"AGE-SECRET-KEY-1{u58}", "# AGE-SECRET-KEY-1{u58}"}, {"AGE-SECRET-KEY-1{u40}", "AGE-PUBLIC-KEY-1{u58}"}},
    {"private-key", {"-----BEGIN OPENSSH PRIVATE KEY-----", "\"k\": \"-----BEGIN PRIVATE KEY-----\\nMII"}, {"-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----"}},
    {"jwt", {"eyJhbGciOi{a20}.eyJ{a60}.{a43}", "Bearer eyJ{a30}.eyJ{a600}.{a340}"}, {"eyJhbGciOi{a60}", "eyJ{a30}.abc{a60}"}},
    {"url-password", {"postgres://app:{a16}@db:5432/x", "https://u:p%40{a8}@example.com/"}, {"http://localhost:8080/path@x", "https://${USER}:${PASS}@host/"}},
    {"url-token", {"https://{a40}@example.com/x", "git clone https://{a24}@example.com"}, {"https://example.com/@scope/{a24}", "https://git@example.com/{a24}"}},
    {"authorization", {"Authorization: Basic {b40}==", "\"authorization\": \"Bearer {a40}\""}, {"Authorization: Bearer $TOKEN", "authorization header is required"}},
    {"password", {"DB_PASSWORD={a16}", "\"password\": \"{a12}!\""}, {"password = getPassword()", "password: string"}},
    {"secret", {"client_secret: '{a40}'", "API_KEY := \"{h32}\""}, {"secret = load_secret(name)", "secret: one two three4"}},
    {"token", {"token = \"{a32}\"", "TOKEN: {a16}"}, {"token = tokens[i2]", "token = next_token(text)"}},
    {"named-token", {"AUTH_TOKEN={a32}", "\"accessToken\": \"{a16}\""}, {"access_token: string", "auth_token = read_token1(file)"}},
};
// clang-format on

bool finds(std::string_view kind, const std::string& text) {
  const KnownSecrets none;
  return redact(text, none).find(fmt::format("[redacted:{}]", kind)) != std::string::npos;
}

TEST(Patterns, EachRuleFindsItsSamplesAndPassesWhatLooksLikeThem) {
  for (const Samples& samples : kSamples) {
    for (const std::string_view yes : samples.yes) {
      EXPECT_TRUE(finds(samples.kind, filled(yes))) << samples.kind << ": " << yes;
    }
    for (const std::string_view no : samples.no) {
      EXPECT_FALSE(finds(samples.kind, filled(no))) << samples.kind << ": " << no;
    }
  }
}

TEST(Patterns, EachRuleHasSamples) {
  std::set<std::string_view> sampled;
  for (const Samples& samples : kSamples) sampled.insert(samples.kind);
  std::set<std::string_view> rules;
  for (const PatternRule& rule : pattern_rules()) rules.insert(rule.kind);
  EXPECT_EQ(sampled, rules);
  EXPECT_EQ(rules.size(), pattern_rules().size()) << "a kind stands for one rule";
}

TEST(Patterns, KeepTheTablesConditions) {
  for (const PatternRule& rule : pattern_rules()) {
    for (const std::string_view keyword : split(rule.keywords, ' ')) {
      SCOPED_TRACE(keyword);
      if (rule.where == Keyword::anywhere) {
        EXPECT_GE(keyword.size(), 6U);
        EXPECT_EQ(keyword, lower(keyword));
      } else if (rule.where == Keyword::word) {
        EXPECT_GE(keyword.size(), 3U);
        EXPECT_TRUE(is_in(Alphabet::word, keyword[0]));
      }
      EXPECT_LT(keyword.size(), 32U);
    }
  }
}

TEST(Patterns, TheGuardsFunctionNamesCertainKindsOnly) {
  EXPECT_EQ(credential_in(filled("a ghp_{a36}")), "github-token");
  EXPECT_EQ(credential_in("x ghs_123_eyJ." + std::string(40, 'c')), "github-installation-token");
  EXPECT_EQ(credential_in("AKIA" + std::string(16, 'B')), "aws-access-key");
  EXPECT_EQ(credential_in("-----BEGIN OPENSSH PRIVATE" + std::string(" KEY-----")), "private-key");
  EXPECT_EQ(credential_in(filled("password = \"{a16}\"")), "") << "likely, not certain";
  EXPECT_EQ(credential_in("MAKIA" + std::string(16, 'B')), "") << "inside a longer word";
  EXPECT_EQ(credential_in("sk-ant-api03-short"), "");
  EXPECT_EQ(credential_in("AKIAIOSFODNN7" + std::string("EXAMPLE")), "") << "Amazon's own example";
  EXPECT_EQ(credential_in(""), "");
}

TEST(Patterns, AWordBeginsBehindAnEscape) {
  for (const std::string_view before :
       {"\\n", "\\t", "%20", "%3D", "\x1b[m", "\x1b[0m", "\x1b[38;2;255;128;0m", "=", "\n"}) {
    EXPECT_TRUE(finds("github-token", std::string(before) + filled("ghp_{a36}"))) << before;
  }
  for (const std::string_view before : {"n", "m", "0m", "[0m", "20", "_"}) {
    EXPECT_EQ(finds("github-token", std::string(before) + filled("ghp_{a36}")), false) << before;
  }
}

TEST(Patterns, ACredentialLongerThanARulesReachIsHiddenToItsEnd) {
  const KnownSecrets none;
  EXPECT_EQ(redact("ghs_" + std::string(9000, 'x') + " y", none),
            "[redacted:github-installation-token] y");
}

TEST(Keywords, AreFoundAtEveryPlace) {
  const Keywords& keywords = Credentials::shared().keywords();
  for (const PatternRule& rule : pattern_rules()) {
    for (const std::string_view keyword : split(rule.keywords, ' ')) {
      for (std::size_t at = 4; at < 140; ++at) {
        std::string text(150 + at % 7, ' ');
        text.replace(at - 4, 4, "xab1");  // what stands before Azure's mark
        if (rule.where == Keyword::word) text[at - 1] = ' ';
        text.replace(at, keyword.size(), keyword);
        text.resize(std::max(at + keyword.size(), text.size() - 9 * (at % 3)));
        std::vector<KeywordHit> hits;
        keywords.find(text, 0, hits);
        const bool found = std::ranges::any_of(hits, [&](const KeywordHit& hit) {
          return hit.at == at && hit.length == keyword.size();
        });
        ASSERT_TRUE(found) << keyword << " at " << at << " of " << text.size();
      }
    }
  }
}

}  // namespace
}  // namespace berm

// The rules as a table. A line is a promise in both directions: its samples in patterns_test.cc.
// Issuers chose their prefixes so that scanners can do this; sources are their own pages and the
// list of GitHub's secret scanning partners.
#include "redact/patterns.h"

#include <array>

namespace berm {
namespace {

constexpr auto kSure = Certainty::certain;
constexpr auto kLikely = Certainty::likely;
constexpr auto kWord = Keyword::word;
constexpr auto kAny = Keyword::anywhere;
constexpr auto kPair = Keyword::pair;
using enum Alphabet;

// name = value, name: value, "name": "value", name => 'value', \"name\": \"value\"
constexpr std::string_view kIs =
    R"re((?:\\?["'])?[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}(?:\\?["'])?)re";
constexpr std::string_view kHeader =
    R"re((?:\\?["'])?[ \t]{0,4}[:=,][ \t]{0,4}(?:\\?["'])?(?i:bearer|basic|token) )re";
constexpr std::string_view kNothing = "(?:)";

// clang-format off
constexpr PatternRule kRules[] = {
    // Model providers
    {"anthropic-key", kSure, kWord, "sk-ant-api sk-ant-admin", "", R"re(sk-ant-(?:api|admin)\d\d-[\w-]{40,})re", token},
    {"anthropic-token", kSure, kWord, "sk-ant-oat sk-ant-ort sk-ant-sid", "", R"re(sk-ant-(?:oat|ort|sid)\d\d-[\w-]{40,})re", token},
    {"openai-key", kSure, kWord, "sk-proj- sk-svcacct- sk-admin-", "", R"re(sk-(?:proj|svcacct|admin)-[\w-]{40,})re", token},
    {"openai-legacy-key", kSure, kWord, "sk-", "", R"re(sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b)re", token},
    {"openrouter-key", kSure, kWord, "sk-or-v1-", "", R"re(sk-or-v1-[0-9a-f]{64}\b)re", token},
    {"groq-key", kSure, kWord, "gsk_", "", R"re(gsk_[A-Za-z0-9]{48,})re", word},
    {"xai-key", kSure, kWord, "xai-", "", R"re(xai-[A-Za-z0-9]{70,})re", token},
    {"perplexity-key", kSure, kWord, "pplx-", "", R"re(pplx-[A-Za-z0-9]{40,})re", token},
    {"replicate-token", kSure, kWord, "r8_", "", R"re(r8_[A-Za-z0-9]{37}\b)re", word, Extra::random},
    {"huggingface-token", kSure, kWord, "hf_", "", R"re(hf_[A-Za-z0-9]{30,})re", word},
    {"huggingface-org-token", kSure, kWord, "api_org_", "", R"re(api_org_[A-Za-z0-9]{30,})re", word},
    {"langsmith-key", kSure, kWord, "lsv2_", "", R"re(lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b)re", word},

    // Clouds
    {"aws-access-key", kSure, kWord, "AKIA ASIA ABIA ACCA", "", R"re(A(?:KI|SI|BI|CC)A[A-Z0-9]{16}\b)re", word},
    {"aws-secret-key", kSure, kAny, "secret_access_key secretaccesskey", kIs, R"re([A-Za-z0-9/+]{40}$)re", base64, Extra::random},
    {"aws-session-token", kSure, kAny, "session_token sessiontoken security_token", kIs, R"re([A-Za-z0-9/+]{100,}={0,2})re", base64, Extra::random},
    {"aws-bedrock-key", kSure, kWord, "ABSK", "", R"re(ABSK[A-Za-z0-9+/]{100,}={0,2})re", base64},
    {"google-api-key", kSure, kWord, "AIza", "", R"re(AIza[\w-]{35,})re", token},
    {"google-oauth-token", kSure, kWord, "ya29.", "", R"re(ya29\.[\w-]{40,})re", token},
    {"google-oauth-secret", kSure, kWord, "GOCSPX-", "", R"re(GOCSPX-[\w-]{28})re", token},
    {"azure-client-secret", kSure, kPair, "Q~", "", R"re(Q~[\w~.-]{31,34})re", userinfo},
    {"azure-storage-key", kSure, kAny, "accountkey", kIs, R"re([A-Za-z0-9+/]{86}==)re", base64},
    {"azure-shared-access-key", kSure, kAny, "sharedaccesskey", kIs, R"re([A-Za-z0-9+/]{43}=)re", base64},
    {"azure-sas-signature", kLikely, kWord, "sig=", kNothing, R"re([A-Za-z0-9%/+]{40,}=?)re", value},
    {"digitalocean-token", kSure, kWord, "dop_v1_ doo_v1_ dor_v1_", "", R"re(do[opr]_v1_[0-9a-f]{60,})re", word},
    {"databricks-token", kSure, kWord, "dapi", "", R"re(dapi[0-9a-f]{32}(?:-\d)?\b)re", token},
    {"heroku-key", kSure, kWord, "HRKU-AA", "", R"re(HRKU-AA[\w-]{50,})re", token},
    {"fly-token", kSure, kWord, "fm2_", "", R"re(fm2_[A-Za-z0-9+/]{100,}={0,3})re", base64},
    {"netlify-token", kSure, kWord, "nfp_", "", R"re(nfp_[A-Za-z0-9]{36,})re", word},
    {"supabase-token", kSure, kWord, "sbp_", "", R"re(sbp_[0-9a-f]{40}\b)re", word},
    {"planetscale-token", kSure, kWord, "pscale_", "", R"re(pscale_(?:tkn|pw|oauth)_[\w.-]{32,})re", token},
    {"tailscale-key", kSure, kWord, "tskey-", "", R"re(tskey-(?:auth|api|client|webhook)-[A-Za-z0-9]{8,}(?:-[A-Za-z0-9]{20,})?)re", token},

    // Forges and CI
    {"github-token", kSure, kWord, "ghp_ gho_ ghu_ ghr_", "", R"re(gh[pour]_[A-Za-z0-9_]{36,})re", word},
    // ghs_<app id>_<JWT> since April 2026: 520 characters, with dots
    {"github-installation-token", kSure, kWord, "ghs_", "", R"re(ghs_[\w.-]{36,})re", token},
    {"github-fine-grained-token", kSure, kWord, "github_pat_", "", R"re(github_pat_\w{60,})re", word},
    {"gitlab-token", kSure, kWord, "glpat- glrt- gldt- glft- glptt- glcbt- glsoat- glimt- glagent- glffct- gloas-", "", R"re(gl(?:pat|rt|dt|ft|ptt|cbt|soat|imt|agent|ffct|oas)-[\w.-]{20,})re", token},
    {"atlassian-token", kSure, kWord, "ATATT3", "", R"re(ATATT3[\w=-]{150,})re", base64},
    {"circleci-token", kSure, kWord, "CCIPAT_", "", R"re(CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}\b)re", word},
    {"buildkite-token", kSure, kWord, "bkua_", "", R"re(bkua_[0-9a-f]{40}\b)re", word},
    {"sourcegraph-token", kSure, kWord, "sgp_", "", R"re(sgp_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}\b)re", word},
    {"linear-key", kSure, kWord, "lin_api_", "", R"re(lin_api_[A-Za-z0-9]{40}\b)re", word},

    // Package registries and containers
    {"npm-token", kSure, kWord, "npm_", "", R"re(npm_[A-Za-z0-9]{36}\b)re", word},
    {"npm-auth-token", kSure, kAny, "_authtoken", kIs, R"re([\w-]{20,}$)re", token, Extra::random},
    {"pypi-token", kSure, kWord, "pypi-AgE", "", R"re(pypi-AgE[\w-]{50,})re", token},
    {"cargo-token", kSure, kWord, "cio", "", R"re(cio[A-Za-z0-9]{32}\b)re", word, Extra::random},
    {"rubygems-key", kSure, kWord, "rubygems_", "", R"re(rubygems_[0-9a-f]{48}\b)re", word},
    {"nuget-key", kSure, kWord, "oy2", "", R"re(oy2[a-z0-9]{43}\b)re", word, Extra::random},
    {"docker-token", kSure, kWord, "dckr_pat_ dckr_oat_", "", R"re(dckr_[po]at_[\w-]{27,})re", token},
    {"docker-auth", kLikely, kAny, "\"auth\":", R"re( {0,4}")re", R"re([A-Za-z0-9+/]{16,}={0,2}$)re", base64},

    // Messages, payment, operations
    {"slack-token", kSure, kWord, "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.", "", R"re(xox[abeprs][.-][A-Za-z0-9.-]{20,})re", token},
    {"slack-app-token", kSure, kWord, "xapp-", "", R"re(xapp-[A-Za-z0-9-]{20,})re", token},
    {"slack-webhook", kSure, kWord, "hooks.slack.com/", "", R"re(hooks\.slack\.com/(?:services|workflows|triggers)/\w{8,}/\w{8,}/\w{20,})re", base64},
    {"discord-webhook", kSure, kWord, "discord.com/api/webhooks/ discordapp.com/api/webhooks/", "", R"re(discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,})re", base64},
    {"stripe-key", kSure, kWord, "sk_live_ rk_live_", "", R"re([sr]k_live_[A-Za-z0-9]{20,})re", word},
    {"stripe-test-key", kLikely, kWord, "sk_test_ rk_test_", "", R"re([sr]k_test_[A-Za-z0-9]{20,})re", word},
    {"webhook-secret", kSure, kWord, "whsec_", "", R"re(whsec_[A-Za-z0-9+/]{32,}={0,2})re", base64},
    {"square-token", kSure, kWord, "sq0atp- sq0csp-", "", R"re(sq0(?:atp|csp)-[\w-]{22,})re", token},
    {"shopify-token", kSure, kWord, "shpat_ shpca_ shppa_ shpss_", "", R"re(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b)re", word},
    {"sendgrid-key", kSure, kWord, "SG.", "", R"re(SG\.[\w-]{20,24}\.[\w-]{39,50})re", token},
    {"mailgun-key", kSure, kWord, "key-", "", R"re(key-[0-9a-f]{32}\b)re", token, Extra::random},
    {"twilio-key", kSure, kWord, "SK0 SK1 SK2 SK3 SK4 SK5 SK6 SK7 SK8 SK9 SKa SKb SKc SKd SKe SKf", "", R"re(SK[0-9a-f]{32}\b)re", word, Extra::random},
    {"sentry-token", kSure, kWord, "sntrys_ sntryu_", "", R"re(sntry(?:s_eyJ[A-Za-z0-9+/=_-]{60,}|u_[0-9a-f]{64}\b))re", base64},
    {"grafana-token", kSure, kWord, "glsa_ glc_eyJ", "", R"re(gl(?:sa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}\b|c_eyJ[A-Za-z0-9+/]{40,}))re", base64},
    {"newrelic-key", kSure, kWord, "NRAK-", "", R"re(NRAK-[A-Z0-9]{27}\b)re", token},
    {"postman-key", kSure, kWord, "PMAK-", "", R"re(PMAK-[0-9a-f]{24}-[0-9a-f]{34}\b)re", token},
    {"figma-token", kSure, kWord, "figd_", "", R"re(figd_[\w-]{40,})re", token},
    {"notion-token", kSure, kWord, "ntn_", "", R"re(ntn_[A-Za-z0-9]{40,})re", word},

    // Vaults and infrastructure
    {"vault-token", kSure, kWord, "hvs. hvb. hvr.", "", R"re(hv[sbr]\.[\w-]{24,})re", token},
    {"doppler-token", kSure, kWord, "dp.pt. dp.st. dp.sa. dp.ct. dp.scim. dp.audit.", "", R"re(dp\.(?:pt|st|sa|ct|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,})re", token},
    {"onepassword-token", kSure, kWord, "ops_eyJ", "", R"re(ops_eyJ[A-Za-z0-9+/_-]{100,}={0,3})re", base64},
    {"terraform-token", kSure, kAny, ".atlasv1.", "", R"re(\.atlasv1\.[\w-]{60,})re", token},
    {"pulumi-token", kSure, kWord, "pul-", "", R"re(pul-[0-9a-f]{40}\b)re", token},
    {"age-key", kSure, kWord, "AGE-SECRET-KEY-1", "", R"re(AGE-SECRET-KEY-1[A-Z0-9]{58})re", token},

    // Formats
    {"private-key", kSure, kAny, "-----begin", "", R"re(-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)re", label, Extra::key},
    {"jwt", kSure, kWord, "eyJ", "", R"re(eyJ[\w-]{15,}\.eyJ[\w-]{15,}(?:\.[\w-]*)?)re", token, Extra::jwt},

    // By their names
    {"url-password", kLikely, kPair, "://", R"re([\w.%+~!*-]{0,60}:)re", R"re(([^@${}\[\]()]{3,})@)re", userinfo},
    {"url-token", kLikely, kPair, "://", kNothing, R"re(([\w-]{20,})@)re", userinfo, Extra::random},
    {"authorization", kLikely, kAny, "authorization", kHeader, R"re([\w.~+/=-]{16,})re", base64},
    {"password", kLikely, kAny, "password passwd passphrase", kIs, R"re([\w!#%*+./:=?@^~-]{8,}$)re", value, Extra::random},
    {"secret", kLikely, kAny, "secret secret_key secretkey api_key apikey api-key access_key private_key auth_key", kIs, R"re([\w!#%*+./:=?@^~-]{12,}$)re", value, Extra::random},
    // "token" alone is short: five bytes would slow the search for all the others down
    {"token", kLikely, kWord, "token Token TOKEN", kIs, R"re([\w!#%*+./:=?@^~-]{12,}$)re", value, Extra::random},
    {"named-token", kLikely, kAny, "_token -token authtoken accesstoken apitoken", kIs, R"re([\w!#%*+./:=?@^~-]{12,}$)re", value, Extra::random},
};
// clang-format on

constexpr bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool belongs(Alphabet alphabet, char c) {
  const bool in_word = is_alnum(c) || c == '_';
  switch (alphabet) {
    case word:
      return in_word;
    case token:
      return in_word || c == '-' || c == '.';
    case base64:
      return in_word || std::string_view("-.+/=").find(c) != std::string_view::npos;
    case userinfo:
      return c > ' ' && c <= '~' &&
             std::string_view("\"'`\\/<>&").find(c) == std::string_view::npos;
    case value:
      return c > ' ' && c <= '~' &&
             std::string_view("\"'`\\<>&,;").find(c) == std::string_view::npos;
    case label:
      break;
  }
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '-';
}

constexpr auto kBelongs = [] {
  std::array<ByteSet, kAlphabets> table = {};
  for (std::size_t alphabet = 0; alphabet < kAlphabets; ++alphabet) {
    for (std::size_t c = 0; c < 256; ++c) {
      table[alphabet][c] = belongs(static_cast<Alphabet>(alphabet), static_cast<char>(c));
    }
  }
  return table;
}();

}  // namespace

const ByteSet& bytes_of(Alphabet alphabet) { return kBelongs[static_cast<std::size_t>(alphabet)]; }

std::span<const PatternRule> pattern_rules() { return kRules; }

bool may_begin_lead(const PatternRule& rule, char next) {
  if (rule.lead != kIs && rule.lead != kHeader) return true;
  return std::string_view("\\\"' \t=:,").find(next) != std::string_view::npos;
}

}  // namespace berm

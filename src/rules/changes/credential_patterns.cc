// The credentials that the guard recognises: a fixed prefix, an alphabet, a least length. Issuers
// chose the prefixes so that scanners can do this; no entropy guesses, no regular expressions.
#include <algorithm>

#include "rules/changes/changes.h"

namespace berm {
namespace {

enum class Alphabet { upper_digits, word, word_dash, jwt };

struct Pattern {
  std::string_view prefix;
  Alphabet alphabet;
  std::size_t least;  ///< characters after the prefix
  std::string_view kind;
};

constexpr Pattern kPatterns[] = {
    {"sk-ant-api03-", Alphabet::word_dash, 40, "Anthropic API key"},
    {"sk-ant-admin01-", Alphabet::word_dash, 40, "Anthropic admin key"},
    {"sk-ant-oat01-", Alphabet::word_dash, 40, "Anthropic OAuth token"},
    {"sk-proj-", Alphabet::word_dash, 40, "OpenAI project key"},
    {"ghp_", Alphabet::word, 36, "GitHub personal token"},
    {"gho_", Alphabet::word, 36, "GitHub OAuth token"},
    {"ghu_", Alphabet::word, 36, "GitHub user token"},
    {"ghs_", Alphabet::jwt, 36, "GitHub installation token"},
    {"ghr_", Alphabet::word, 36, "GitHub refresh token"},
    {"github_pat_", Alphabet::word, 60, "GitHub fine-grained token"},
    {"glpat-", Alphabet::word_dash, 20, "GitLab token"},
    {"glrt-", Alphabet::word_dash, 20, "GitLab runner token"},
    {"AKIA", Alphabet::upper_digits, 16, "AWS access key"},
    {"ASIA", Alphabet::upper_digits, 16, "AWS session key"},
    {"AIza", Alphabet::word_dash, 35, "Google API key"},
    {"ya29.", Alphabet::word_dash, 40, "Google OAuth token"},
    {"xoxb-", Alphabet::word_dash, 20, "Slack bot token"},
    {"xoxp-", Alphabet::word_dash, 20, "Slack user token"},
    {"xapp-", Alphabet::word_dash, 20, "Slack app token"},
    {"npm_", Alphabet::word, 36, "npm token"},
    {"pypi-AgEIcHlwaS", Alphabet::word_dash, 50, "PyPI token"},
    {"sk_live_", Alphabet::word, 20, "Stripe key"},
    {"rk_live_", Alphabet::word, 20, "Stripe key"},
    {"hf_", Alphabet::word, 30, "Hugging Face token"},
    {"dop_v1_", Alphabet::word, 60, "DigitalOcean token"},
    {"hvs.", Alphabet::word_dash, 24, "Vault token"},
    {"SG.", Alphabet::jwt, 60, "SendGrid key"},
    {"dapi", Alphabet::word, 32, "Databricks token"},
    {"eyJhbGciOi", Alphabet::jwt, 60, "JSON web token"},
};

bool is_in(Alphabet alphabet, char c) {
  const bool upper = c >= 'A' && c <= 'Z';
  const bool digit = c >= '0' && c <= '9';
  const bool word = upper || digit || (c >= 'a' && c <= 'z') || c == '_';
  switch (alphabet) {
    case Alphabet::upper_digits:
      return upper || digit;
    case Alphabet::word:
      return word;
    case Alphabet::word_dash:
      return word || c == '-';
    case Alphabet::jwt:
      break;
  }
  return word || c == '-' || c == '.';
}

bool matches_at(const Pattern& pattern, std::string_view line, std::size_t at) {
  // Inside a longer word it is something else: "mapi_" is no "api_".
  if (at > 0 && is_in(Alphabet::word, line[at - 1])) return false;
  std::size_t end = at + pattern.prefix.size();
  while (end < line.size() && is_in(pattern.alphabet, line[end])) ++end;
  return end - at - pattern.prefix.size() >= pattern.least;
}

}  // namespace

std::string_view credential_in(std::string_view line) {
  if (line.find("-----BEGIN ") != std::string_view::npos &&
      line.find("PRIVATE KEY") != std::string_view::npos) {
    return "private key";
  }
  for (const Pattern& pattern : kPatterns) {
    for (std::size_t at = line.find(pattern.prefix); at != std::string_view::npos;
         at = line.find(pattern.prefix, at + 1)) {
      if (matches_at(pattern, line, at)) return pattern.kind;
    }
  }
  return "";
}

}  // namespace berm

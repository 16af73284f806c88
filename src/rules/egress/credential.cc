#include "rules/egress/credential.h"

#include <algorithm>

#include "base/text.h"
#include "policy/merge.h"
#include "rules/egress/request.h"

namespace berm {
namespace {

// The last word of a header's name, or its last two.
constexpr std::string_view kHeaderEnds[] = {
    "authorization", "auth",        "token",     "tokens",  "secret",       "password", "passwd",
    "credential",    "credentials", "cookie",    "cookie2", "jwt",          "apikey",   "key",
    "signature",     "assertion",   "accesskey", "art-api", "session-token"};

constexpr std::string_view kQueryKeys[] = {"access_token",
                                           "accesstoken",
                                           "api_key",
                                           "api-key",
                                           "apikey",
                                           "auth",
                                           "auth_token",
                                           "authorization",
                                           "awsaccesskeyid",
                                           "client_secret",
                                           "id_token",
                                           "job_token",
                                           "jwt",
                                           "oauth_token",
                                           "password",
                                           "personal_access_token",
                                           "private_token",
                                           "refresh_token",
                                           "secret",
                                           "sig",
                                           "signature",
                                           "subscription-key",
                                           "token",
                                           "x-amz-credential",
                                           "x-amz-security-token",
                                           "x-amz-signature",
                                           "x-api-key",
                                           "x-goog-credential",
                                           "x-goog-signature"};

bool ends_with_word(std::string_view name, std::string_view word) {
  return name == word || (name.size() > word.size() && name.ends_with(word) &&
                          name[name.size() - word.size() - 1] == '-');
}

bool covers_host(const CredentialUse& use, std::string_view host, std::uint16_t port) {
  if (use.port != port) return false;
  if (!use.host.starts_with('*')) return use.host == host;
  return covers({.pattern = use.host, .port = port}, {.pattern = std::string(host), .port = port});
}

// Length of the pattern that admits `path`; 1 for a use without any.
std::size_t how_close(const CredentialUse& use, std::string_view method, std::string_view path) {
  if (!use.methods.empty() && std::ranges::find(use.methods, method) == use.methods.end()) return 0;
  if (is_excepted(use, path)) return 0;
  if (use.paths.empty()) return 1;
  std::size_t best = 0;
  for (const std::string& pattern : use.paths) {
    if (path_matches(pattern, path)) best = std::max(best, pattern.size() + 1);
  }
  return best;
}

bool authenticates(std::string_view pair, bool google) {
  // Some servers separate by ';' too: then any part of the pair is one.
  return std::ranges::any_of(split(pair, ';'), [&](std::string_view part) {
    // A server decodes the key before it looks at it.
    const std::string key = lower(percent_decoded(part.substr(0, part.find('='))));
    return std::ranges::find(kQueryKeys, key) != std::end(kQueryKeys) || (google && key == "key");
  });
}

}  // namespace

std::optional<CredentialMatch> find_credential(const std::vector<EgressCredential>& credentials,
                                               std::string_view host, std::uint16_t port,
                                               std::string_view method, std::string_view path) {
  std::optional<CredentialMatch> found;
  std::size_t best = 0;
  for (std::size_t i = 0; i < credentials.size(); ++i) {
    for (std::size_t j = 0; j < credentials[i].to.size(); ++j) {
      const CredentialUse& use = credentials[i].to[j];
      if (!covers_host(use, host, port)) continue;
      const std::size_t close = how_close(use, method, path);
      if (close <= best) continue;
      best = close;
      found = {.credential = i, .use = j};
    }
  }
  return found;
}

bool is_excepted(const CredentialUse& use, std::string_view path) {
  return std::ranges::any_of(
      use.except, [&](const std::string& pattern) { return path_matches(pattern, path); });
}

bool has_credential(const std::vector<EgressCredential>& credentials, std::string_view host,
                    std::uint16_t port) {
  return std::ranges::any_of(credentials, [&](const EgressCredential& credential) {
    return std::ranges::any_of(
        credential.to, [&](const CredentialUse& use) { return covers_host(use, host, port); });
  });
}

bool is_authentication_header(std::string_view name) {
  constexpr std::string_view kNoSecrets[] = {"idempotency-key", "x-idempotency-key",
                                             "sec-websocket-key"};
  std::string plain = lower(name);
  std::ranges::replace(plain, '_', '-');
  if (std::ranges::find(kNoSecrets, plain) != std::end(kNoSecrets)) return false;
  return std::ranges::any_of(kHeaderEnds,
                             [&](std::string_view word) { return ends_with_word(plain, word); });
}

std::string without_authentication(std::string_view query, std::string_view host) {
  const bool google = host.ends_with(".googleapis.com") || host == "googleapis.com";
  std::string out;
  for (const std::string_view pair : split(query, '&')) {
    if (authenticates(pair, google)) continue;
    if (!out.empty()) out += '&';
    out += pair;
  }
  return out;
}

std::string without_key(std::string_view query, std::string_view name) {
  std::string out;
  for (const std::string_view pair : split(query, '&')) {
    const bool named = std::ranges::any_of(split(pair, ';'), [&](std::string_view part) {
      return lower(percent_decoded(part.substr(0, part.find('=')))) == lower(name);
    });
    if (named) continue;
    if (!out.empty()) out += '&';
    out += pair;
  }
  return out;
}

}  // namespace berm

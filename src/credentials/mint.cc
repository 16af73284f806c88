#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/age.h"
#include "credentials/issuer.h"
#include "credentials/jwt.h"
#include "credentials/provider.h"

namespace berm {
namespace {

using nlohmann::json;

// A key that exists already: read it, look at its age.
Result<Lease> take_static(const MintContext& context, const CredentialSource& source,
                          const SourceAddress& address) {
  Lease lease;
  lease.value = BERM_TRY(provider_of(address.scheme).read(context, source, address));
  const KeyAge age = BERM_TRY(check_age(context, source, lease.value));
  lease.report.note = BERM_TRY(refuse_if_old(source, age));
  lease.report.issuer = std::string(name_of(address.scheme));
  lease.report.minted = age.created;
  lease.report.expires = age.expires;
  return lease;
}

// GitHub's endpoint for a job's own tokens. Whoever holds the request token mints for any audience,
// so it is read here and goes nowhere else.
Result<Secret> github_identity(const MintContext& context, const std::string& audience) {
  const char* const fix = "give the job 'permissions: id-token: write'";
  Result<Secret> url = read_variable("ACTIONS_ID_TOKEN_REQUEST_URL");
  const Result<Secret> token = read_variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
  if (!url || !token) {
    return failure(Errc::denied, "ask GitHub for an identity token: this job may not", fix);
  }
  const Secret bearer = BERM_TRY(take_line(token->reveal(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
  Question question{.step = "ask GitHub for an identity token", .fix = fix};
  question.request.url = std::string(url->reveal());
  const char joint = question.request.url.find('?') == std::string::npos ? '?' : '&';
  question.request.url += fmt::format("{}audience={}", joint, percent_encoded(audience));
  question.request.headers = {{"Authorization", "Bearer ", &bearer},
                              {"Accept", "application/json", nullptr}};
  json answer = BERM_TRY(ask(context, question));
  return take_token(answer, "value");
}

Result<Lease> obtain(const MintContext& context, const CredentialSource& source,
                     const SourceAddress& address) {
  const Provider& provider = provider_of(address.scheme);
  try {
    return provider.mint != nullptr ? provider.mint(context, source, address)
                                    : take_static(context, source, address);
  } catch (const json::exception&) {
    // The room's door: nothing an issuer says may end the keeper of the other credentials.
    return failure(Errc::denied, "trust the issuer's answer: it is not what its documents say");
  }
}

}  // namespace

WallTime wall_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

const Provider& provider_of(SourceScheme scheme) {
  const auto* found = std::ranges::find(kProviders, scheme, &Provider::scheme);
  return **found;  // a test holds that every scheme has one
}

Result<Secret> take_line(std::string_view text, std::string_view what) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (!is_header_value(text)) {
    return failure(Errc::denied,
                   fmt::format("use {}: it is empty, too long, or has bytes that a header must not "
                               "have (a line feed, a control character)",
                               what),
                   "store the key alone, on one line");
  }
  return Secret::filled(text.size(),
                        [&](std::span<char> bytes) { std::ranges::copy(text, bytes.begin()); });
}

Result<Secret> read_static(const MintContext& context, const CredentialSource& source,
                           const std::string& from) {
  const SourceAddress address = BERM_TRY(parse_static_source(from));
  return in_context(fmt::format("reading '{}'", printable(from)),
                    provider_of(address.scheme).read(context, source, address));
}

Result<Secret> identity_token(const MintContext& context, const CredentialSource& source) {
  const std::string text = option(source.with, "identity");
  const IdentitySource identity = BERM_TRY(parse_identity(text));
  if (identity.kind == IdentitySource::Kind::github_oidc) {
    return github_identity(context, identity.argument);
  }
  const std::string from = identity.kind == IdentitySource::Kind::gitlab_oidc
                               ? "env:" + identity.argument
                               : identity.argument;
  const Secret read = BERM_TRY(read_static(context, source, from));
  Secret token = BERM_TRY(take_line(read.reveal(), from));
  const std::optional<WallTime> expires = claimed_expiry(token.reveal());
  if (expires && *expires <= wall_now()) {
    return failure(Errc::denied,
                   fmt::format("use the identity token of {}: it expired at {}", printable(from),
                               to_text(*expires)),
                   "start the job again, or ask for a longer-lived identity token");
  }
  return token;
}

Result<Lease> mint(const MintContext& context, const CredentialSource& source) {
  const std::string outer = fmt::format("minting credential '{}' from {}", printable(source.name),
                                        printable(source.from));
  BERM_TRY(check_source(source));
  const SourceAddress address = BERM_TRY(parse_source(source.from));
  const Provider& provider = provider_of(address.scheme);
  Result<Lease> lease = obtain(context, source, address);
  if (!lease) return in_context(outer, std::move(lease));
  // Of an issued one, its provider has looked already; one rule for all the same.
  Result<Secret> line = in_context(outer, take_line(lease->value.reveal(), "its value"));
  if (!line) {
    // What cannot be used must not live.
    if (provider.revoke != nullptr) (void)provider.revoke(context, source, *lease);
    return tl::unexpected(line.error());
  }
  lease->value = *std::move(line);
  lease->report.name = source.name;
  lease->report.kind = name_of(address.scheme);
  if (provider.mint != nullptr) lease->report.minted = wall_now();
  return lease;
}

}  // namespace berm

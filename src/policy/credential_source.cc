#include "policy/credential_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/wall_time.h"

namespace berm {
namespace {

using Parts = std::vector<std::string>;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Letters, digits and `more`, at least one.
bool is_made_of(std::string_view text, std::string_view more) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || is_digit(c) || more.find(c) != std::string_view::npos;
  });
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// Each splitter answers nothing for what its scheme does not want.

std::optional<Parts> split_variable(std::string_view text) {
  if (!is_made_of(text, "_") || is_digit(text.front())) return std::nullopt;
  return Parts{std::string(text)};
}

std::optional<Parts> split_path(std::string_view text) {
  if (!text.starts_with('/') || text.ends_with('/')) return std::nullopt;
  return Parts{std::string(text)};
}

std::optional<Parts> split_descriptor(std::string_view text) {
  const bool number = !text.empty() && text.size() <= 4 && std::ranges::all_of(text, is_digit);
  if (!number || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return Parts{std::string(text)};
}

std::optional<Parts> split_words(std::string_view text) {
  Parts words;
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  if (words.empty()) return std::nullopt;
  return words;
}

std::optional<Parts> split_attributes(std::string_view text) {
  std::optional<Parts> words = split_words(text);
  if (!words) return std::nullopt;
  for (const std::string& word : *words) {
    const std::size_t equals = word.find('=');
    // A leading '-' would be an option of secret-tool.
    const bool is_pair = equals != std::string::npos && equals + 1 < word.size();
    if (!is_pair || !is_made_of(word.substr(0, equals), "_-.:") || word.front() == '-') {
      return std::nullopt;
    }
  }
  return words;
}

std::optional<Parts> split_vault(std::string_view text) {
  const std::size_t hash = text.find('#');
  if (hash == std::string_view::npos) return std::nullopt;
  const std::string_view path = text.substr(0, hash);
  const std::string_view field = text.substr(hash + 1);
  for (const std::string_view segment : split(path, '/')) {
    if (!is_made_of(segment, "._-") || segment == "." || segment == "..") return std::nullopt;
  }
  if (field != "*" && !is_made_of(field, "._-")) return std::nullopt;
  return Parts{std::string(path), std::string(field)};
}

std::optional<Parts> split_pair(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view first = text.substr(0, slash);
  const std::string_view second = text.substr(slash + 1);
  if (!is_made_of(first, ".-_") || !is_made_of(second, "-_") || first.front() == '.') {
    return std::nullopt;
  }
  return Parts{std::string(first), std::string(second)};
}

std::optional<Parts> split_installation(std::string_view text) {
  std::optional<Parts> parts = split_pair(text);
  if (!parts || !std::ranges::all_of((*parts)[1], is_digit)) return std::nullopt;
  return parts;
}

// arn:PARTITION:iam::ACCOUNT:role/NAME
std::optional<Parts> split_role(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  const bool is_role = parts.size() == 6 && parts[0] == "arn" && parts[1].starts_with("aws") &&
                       is_made_of(parts[1], "-") && parts[2] == "iam" && parts[3].empty() &&
                       parts[4].size() == 12 && std::ranges::all_of(parts[4], is_digit) &&
                       parts[5].starts_with("role/") && is_made_of(parts[5].substr(5), "/_+=,.@-");
  if (!is_role) return std::nullopt;
  return Parts{std::string(text)};
}

std::optional<Parts> split_audience(std::string_view text) {
  if (!text.starts_with("//iam.") || !is_made_of(text, "/._-:")) return std::nullopt;
  return Parts{std::string(text)};
}

std::optional<Parts> split_rule(std::string_view text) {
  if (!text.starts_with("fdrl_") || !is_made_of(text, "_-")) return std::nullopt;
  return Parts{std::string(text)};
}

using Names = std::vector<std::string_view>;

// One scheme, one line: the whole answer to "which sources exist and what may they be told?".
struct Scheme {
  SourceScheme scheme;
  std::string_view name;
  std::string_view form;
  std::optional<Parts> (*split)(std::string_view);
  char joint;    // between two parts
  Names needed;  // options of `with`
  Names with;    // more of them
  Names scope;
  int shortest;  // life in seconds that may be wished; 0: none may
  int longest;
};

const std::vector<Scheme>& schemes() {
  static const Names kKey = {"admin", "key_id", "endpoint"};
  // clang-format off
  static const std::vector<Scheme> kSchemes = {
      {SourceScheme::env, "env", "env:NAME", split_variable, 0, {}, kKey, {}, 0, 0},
      {SourceScheme::file, "file", "file:/absolute/path", split_path, 0, {}, kKey, {}, 0, 0},
      {SourceScheme::fd, "fd", "fd:N", split_descriptor, 0, {}, kKey, {}, 0, 0},
      {SourceScheme::command, "command", "command:PROGRAM ARG …", split_words, ' ', {}, {"admin", "key_id", "endpoint", "env"}, {}, 0, 0},
      {SourceScheme::keyring, "keyring", "keyring:ATTRIBUTE=VALUE …", split_attributes, ' ', {}, kKey, {}, 0, 0},
      {SourceScheme::vault, "vault", "vault:PATH#FIELD", split_vault, '#', {}, {"address", "namespace", "auth", "mount", "token", "role", "role_id", "secret_id", "identity"}, {}, 1, 32 * 86400},
      {SourceScheme::github_app, "github-app", "github-app:APP_ID/INSTALLATION_ID", split_installation, '/', {"key"}, {"endpoint"}, {"repositories", "permissions"}, 0, 0},
      {SourceScheme::aws_oidc, "aws-oidc", "aws-oidc:ROLE_ARN", split_role, 0, {"identity"}, {"region", "endpoint"}, {"policy", "policy_arns"}, 900, 43200},
      {SourceScheme::gcp_wif, "gcp-wif", "gcp-wif://iam.googleapis.com/projects/…", split_audience, 0, {"identity"}, {"service_account", "endpoint", "iam_endpoint"}, {"scopes"}, 1, 43200},
      {SourceScheme::azure_wif, "azure-wif", "azure-wif:TENANT/CLIENT_ID", split_pair, '/', {"identity"}, {"endpoint"}, {"resource"}, 0, 0},
      {SourceScheme::anthropic_wif, "anthropic-wif", "anthropic-wif:fdrl_…", split_rule, 0, {"identity", "organization", "service_account"}, {"workspace", "endpoint"}, {}, 0, 0},
  };
  // clang-format on
  return kSchemes;
}

const Scheme& scheme_of(SourceScheme scheme) { return schemes()[static_cast<std::size_t>(scheme)]; }

tl::unexpected<Error> unknown_scheme(std::string_view from) {
  std::vector<std::string_view> names;
  for (const Scheme& scheme : schemes()) names.push_back(scheme.name);
  const std::string_view word = from.substr(0, from.find(':'));
  const std::string_view near = nearest(word, names);
  std::string all;
  for (const Scheme& scheme : schemes()) {
    all += fmt::format("{}{}", all.empty() ? "" : ", ", scheme.form);
  }
  return failure(
      Errc::invalid_policy,
      fmt::format("'{}' names no source of credentials{}", printable(from.substr(0, 100)),
                  near.empty() ? "" : fmt::format(" (did you mean '{}:'?)", near)),
      "write one of " + all);
}

tl::unexpected<Error> invalid(const CredentialSource& source, std::string_view why,
                              std::string fix = {}) {
  return failure(Errc::invalid_policy,
                 fmt::format("credential '{}': {}", printable(source.name), why), std::move(fix));
}

Result<void> check_names(const CredentialSource& source, const char* table,
                         const std::map<std::string, std::string>& options, const Names& known) {
  for (const auto& [name, value] : options) {
    if (std::ranges::find(known, name) == known.end()) {
      const std::string_view near = nearest(name, known);
      return invalid(source,
                     fmt::format("'{}.{}' is not an option of {}", table, printable(name),
                                 printable(source.from)),
                     near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    if (value.empty() || !is_plain(value)) {
      return invalid(source, fmt::format("'{}.{}' is empty or has control characters", table,
                                         printable(name)));
    }
  }
  return {};
}

Result<void> check_needed(const CredentialSource& source, const Names& needed) {
  for (const std::string_view name : needed) {
    if (!source.with.contains(std::string(name))) {
      return invalid(source, fmt::format("{} needs 'with.{}'", printable(source.from), name));
    }
  }
  return {};
}

// What each way into Vault needs.
Result<void> check_vault(const CredentialSource& source) {
  const std::string auth = option(source.with, "auth");
  if (auth.empty() || auth == "token") return {};
  if (auth == "approle") return check_needed(source, {"role_id", "secret_id"});
  if (auth == "jwt") return check_needed(source, {"role", "identity"});
  return invalid(source, fmt::format("'with.auth' is '{}'", printable(auth)),
                 "write token, approle or jwt");
}

Result<void> check_life(const CredentialSource& source, const Scheme& scheme) {
  if (source.ttl) {
    const auto wished = std::chrono::floor<std::chrono::seconds>(*source.ttl).count();
    if (scheme.longest == 0) {
      return invalid(source, fmt::format("the life of {} cannot be chosen", scheme.name),
                     is_static(scheme.scheme) ? "write max_age" : "remove ttl: the issuer decides");
    }
    if (wished < scheme.shortest || wished > scheme.longest) {
      return invalid(
          source,
          fmt::format("a ttl of {} cannot be had from {}", to_text(*source.ttl), scheme.name),
          fmt::format("write {}s to {}s", scheme.shortest, scheme.longest));
    }
  }
  if ((source.max_age || source.issued) && !is_static(scheme.scheme)) {
    return invalid(source, "max_age and issued are for static keys; this one is issued for the run",
                   "remove them");
  }
  if (source.issued && !parse_wall_time(*source.issued)) {
    return invalid(source, fmt::format("'{}' is no date", printable(*source.issued)),
                   "write 2026-11-22 or 2026-11-22T10:00:00Z");
  }
  if (source.max_age && source.max_age->count() <= 0) return invalid(source, "max_age is nothing");
  return {};
}

// Everything that `source` reads a value from.
std::vector<std::string> nested_sources(const CredentialSource& source) {
  std::vector<std::string> out = {source.from};
  for (const char* name : {"token", "role_id", "secret_id", "key", "admin", "identity"}) {
    const std::string value = option(source.with, name);
    if (!value.empty()) out.push_back(value);
  }
  return out;
}

}  // namespace

std::string_view name_of(SourceScheme scheme) { return scheme_of(scheme).name; }

bool is_static(SourceScheme scheme) { return scheme <= SourceScheme::keyring; }

Result<SourceAddress> parse_source(std::string_view from) {
  const std::size_t colon = from.find(':');
  const std::string_view word = from.substr(0, colon);
  const auto found = std::ranges::find(schemes(), word, &Scheme::name);
  if (colon == std::string_view::npos || found == schemes().end()) return unknown_scheme(from);
  std::optional<Parts> parts;
  if (is_plain(from) && from.size() <= 4096) parts = found->split(from.substr(colon + 1));
  if (!parts) {
    return failure(Errc::invalid_policy,
                   fmt::format("'{}' is not {}", printable(from.substr(0, 100)), found->form),
                   fmt::format("write {}", found->form));
  }
  return SourceAddress{found->scheme, *std::move(parts)};
}

std::string to_text(const SourceAddress& source) {
  const Scheme& scheme = scheme_of(source.scheme);
  std::string out = fmt::format("{}:", scheme.name);
  for (std::size_t i = 0; i < source.parts.size(); ++i) {
    if (i > 0) out += scheme.joint;
    out += source.parts[i];
  }
  return out;
}

Result<SourceAddress> parse_static_source(std::string_view from) {
  SourceAddress source = BERM_TRY(parse_source(from));
  if (is_static(source.scheme)) return source;
  return failure(
      Errc::invalid_policy,
      fmt::format("'{}' is issued, and cannot be part of another source", printable(from)),
      "write env:, file:, fd:, command: or keyring:");
}

Result<IdentitySource> parse_identity(std::string_view text) {
  using Kind = IdentitySource::Kind;
  const std::size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (word == "github-oidc" && !rest.empty() && is_plain(rest)) {
    return IdentitySource{Kind::github_oidc, std::string(rest)};
  }
  if (word == "gitlab-oidc" && split_variable(rest)) {
    return IdentitySource{Kind::gitlab_oidc, std::string(rest)};
  }
  if ((word == "env" || word == "file") && parse_source(text)) {
    return IdentitySource{Kind::value, std::string(text)};
  }
  return failure(Errc::invalid_policy,
                 fmt::format("'{}' names no identity", printable(text.substr(0, 100))),
                 "write github-oidc:AUDIENCE, gitlab-oidc:VARIABLE, file:/path or env:NAME");
}

Result<void> check_source(const CredentialSource& source) {
  const SourceAddress address = BERM_TRY(in_context(
      fmt::format("credential '{}'", printable(source.name)), parse_source(source.from)));
  const Scheme& scheme = scheme_of(address.scheme);
  if (!is_made_of(source.name, "._-")) return invalid(source, "its name is not letters and digits");
  Names known = scheme.with;
  known.insert(known.end(), scheme.needed.begin(), scheme.needed.end());
  BERM_TRY(check_names(source, "with", source.with, known));
  BERM_TRY(check_names(source, "scope", source.scope, scheme.scope));
  BERM_TRY(check_needed(source, scheme.needed));
  if (address.scheme == SourceScheme::vault) BERM_TRY(check_vault(source));
  for (const char* name : {"token", "role_id", "secret_id", "key", "admin"}) {
    // Never a value: what is written here is printed, recorded and kept in a journal.
    if (source.with.contains(name)) BERM_TRY(parse_static_source(source.with.at(name)));
  }
  if (source.with.contains("identity")) BERM_TRY(parse_identity(source.with.at("identity")));
  if (address.scheme == SourceScheme::azure_wif) {
    if (!source.scope.contains("resource"))
      return invalid(source, "azure-wif needs 'scope.resource'");
  }
  return check_life(source, scheme);
}

std::vector<std::string> variables_of(const CredentialSource& source) {
  std::vector<std::string> out;
  for (const std::string& text : nested_sources(source)) {
    if (text.starts_with("env:")) out.push_back(text.substr(4));
    if (text.starts_with("gitlab-oidc:")) out.push_back(text.substr(12));
    if (text.starts_with("github-oidc:")) {
      out.insert(out.end(), {"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"});
    }
    if (text.starts_with("command:") || text.starts_with("keyring:")) {
      // What a program of the user's own needs to find itself, his keyring and its configuration.
      out.insert(out.end(), {"HOME", "USER", "LOGNAME", "LANG", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
                             "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"});
    }
  }
  if (source.from.starts_with("vault:")) {
    if (!source.with.contains("address")) out.emplace_back("VAULT_ADDR");
    const std::string auth = option(source.with, "auth");
    const bool by_token = auth.empty() || auth == "token";
    if (by_token && !source.with.contains("token")) out.emplace_back("VAULT_TOKEN");
  }
  for (const std::string& name : list_of(option(source.with, "env"))) out.push_back(name);
  return out;
}

std::vector<std::string> descriptors_of(const CredentialSource& source) {
  std::vector<std::string> out;
  for (const std::string& text : nested_sources(source)) {
    if (text.starts_with("fd:")) out.push_back(text);
  }
  return out;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view part : split(text, ',')) {
    if (!trim(part).empty()) out.emplace_back(trim(part));
  }
  return out;
}

std::string option(const std::map<std::string, std::string>& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

CredentialSource source_of(const std::string& name, const CredentialGrant& grant) {
  CredentialSource out;
  out.name = name;
  out.from = grant.from;
  out.with = grant.with;
  out.scope = grant.scope;
  out.ttl = grant.ttl;
  out.max_age = grant.max_age;
  out.old_is_refused = grant.old_is_refused;
  if (!grant.issued.empty()) out.issued = grant.issued;
  out.is_aws_key = std::ranges::any_of(
      grant.to, [](const CredentialUse& use) { return use.carrier == Carrier::sigv4; });
  return out;
}

}  // namespace berm

// src/policy/credential_source.h: where a credential comes from, as the policy says it. Pure: never
// a value, only where one is.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "policy/policy.h"

namespace berm {

struct CredentialSource {
  std::string name;                          ///< of the grant: "github"
  std::string from;                          ///< parse_source() reads it
  std::map<std::string, std::string> with;   ///< how to ask: endpoint, identity, role, …
  std::map<std::string, std::string> scope;  ///< what the issued one may do
  std::optional<Milliseconds> ttl;           ///< wished life, where the issuer lets one choose
  std::optional<Milliseconds> max_age;       ///< of a static key; older ones refuse the run
  bool old_is_refused = true;                ///< else an old one is told
  std::optional<std::string> issued;         ///< date of a static key: RFC 3339 or YYYY-MM-DD
  bool is_aws_key = false;                   ///< signs requests to AWS: IAM knows when it was made
  bool operator==(const CredentialSource&) const = default;
};

/// What a grant of the policy says about its source.
[[nodiscard]] CredentialSource source_of(const std::string& name, const CredentialGrant& grant);

enum class SourceScheme : std::uint8_t {
  env,            ///< env:NAME
  file,           ///< file:/abs/path
  fd,             ///< fd:N
  command,        ///< command:PROGRAM ARG…, split on blanks; no shell
  keyring,        ///< keyring:ATTRIBUTE=VALUE …
  vault,          ///< vault:PATH#FIELD; FIELD "*": all fields as a JSON object
  github_app,     ///< github-app:APP_ID/INSTALLATION_ID
  aws_oidc,       ///< aws-oidc:ROLE_ARN
  gcp_wif,        ///< gcp-wif://iam.googleapis.com/projects/…/providers/…
  azure_wif,      ///< azure-wif:TENANT/CLIENT_ID
  anthropic_wif,  ///< anthropic-wif:fdrl_…
};
[[nodiscard]] std::string_view name_of(SourceScheme scheme);

/// The value exists already and outlives the run: env, file, fd, command, keyring.
[[nodiscard]] bool is_static(SourceScheme scheme);

/// `from`, understood. `parts`: what stands behind the colon, split as the scheme splits it.
struct SourceAddress {
  SourceScheme scheme = SourceScheme::env;
  std::vector<std::string> parts;
  bool operator==(const SourceAddress&) const = default;
};

/// @return  Errc::invalid_policy  an unknown scheme (the fix lists those there are), or what stands
///                                behind the colon is not what the scheme wants.
[[nodiscard]] Result<SourceAddress> parse_source(std::string_view from);
[[nodiscard]] std::string to_text(const SourceAddress& source);  ///< parses back to the same

/// A source inside of another's `with`: static ones only.
[[nodiscard]] Result<SourceAddress> parse_static_source(std::string_view from);

/// Where the token comes from that says who this job is.
struct IdentitySource {
  enum class Kind : std::uint8_t {
    github_oidc,  ///< github-oidc:AUDIENCE, minted with ACTIONS_ID_TOKEN_REQUEST_*
    gitlab_oidc,  ///< gitlab-oidc:VARIABLE, which GitLab filled by the job's `id_tokens`
    value,        ///< file:PATH or env:NAME
  };
  Kind kind = Kind::value;
  std::string argument;  ///< audience, variable, or the whole static source
};
[[nodiscard]] Result<IdentitySource> parse_identity(std::string_view text);

/// All of it: known options only, those that are needed, a life the issuer can give, dates that
/// are. What it lets through, a broker can try.
/// @return  Errc::invalid_policy
[[nodiscard]] Result<void> check_source(const CredentialSource& source);

/// The environment variables that `source` reads: all that its broker needs to see of them.
[[nodiscard]] std::vector<std::string> variables_of(const CredentialSource& source);

/// The descriptors it reads, as "fd:N".
[[nodiscard]] std::vector<std::string> descriptors_of(const CredentialSource& source);

/// "a, b" as {"a", "b"}; no empty ones.
[[nodiscard]] std::vector<std::string> list_of(std::string_view text);

/// The option's value; "" without one.
[[nodiscard]] std::string option(const std::map<std::string, std::string>& options,
                                 const std::string& name);

}  // namespace berm

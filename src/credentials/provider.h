// src/credentials/provider.h: what a source of credentials can do. Adding one = a file in
// providers/, a line in kProviders and a line in the table of source.cc.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "credentials/lease.h"
#include "net/https_client.h"
#include "policy/credential_source.h"

namespace berm {

/// What minting works with.
struct MintContext {
  HttpsClient& https;
  std::string run;  ///< its id, told to issuers that record a session's name
  /// "fd:N" → what the supervisor read from it.
  const std::map<std::string, Secret>& descriptors;
  /// Called as soon as something lives at the issuer, before anything else is asked of it: the
  /// journal must know it if this process dies.
  std::function<Result<void>(const LeaseHandle&)> record;
};

[[nodiscard]] WallTime wall_now();

/// One source. A function that is nullptr: it cannot.
struct Provider {
  SourceScheme scheme;
  /// Of static sources: the value behind `address`, which may be that of a key of another source;
  /// then `source` is the other one.
  Result<Secret> (*read)(const MintContext& context, const CredentialSource& source,
                         const SourceAddress& address) = nullptr;
  /// Of issuers.
  Result<Lease> (*mint)(const MintContext& context, const CredentialSource& source,
                        const SourceAddress& address) = nullptr;
  /// Prolongs `lease`, which is renewable: its value stays, report.expires moves.
  Result<void> (*renew)(const MintContext& context, const CredentialSource& source,
                        Lease& lease) = nullptr;
  /// Ends `lease` and its session.
  Result<void> (*revoke)(const MintContext& context, const CredentialSource& source,
                         Lease& lease) = nullptr;
  /// Ends what `handle` names, authenticating anew: the value is lost.
  Result<void> (*revoke_lost)(const MintContext& context, const CredentialSource& source,
                              const LeaseHandle& handle) = nullptr;
  /// The longest a credential can live that was being minted when its keeper died. Zero: unknown.
  std::chrono::seconds longest_life{0};
};

extern const Provider kEnv, kFile, kFd, kCommand, kKeyring, kVault, kGithubApp, kAwsOidc, kGcpWif,
    kAzureWif, kAnthropicWif;

// Explicit, not self-registered: this list is the whole answer to "what can issue a credential?".
inline constexpr const Provider* kProviders[] = {&kEnv,     &kFile,     &kFd,          &kCommand,
                                                 &kKeyring, &kVault,    &kGithubApp,   &kAwsOidc,
                                                 &kGcpWif,  &kAzureWif, &kAnthropicWif};

[[nodiscard]] const Provider& provider_of(SourceScheme scheme);

/// The value of a static source that another one names ("env:VAULT_TOKEN").
[[nodiscard]] Result<Secret> read_static(const MintContext& context, const CredentialSource& source,
                                         const std::string& from);

/// Mints or reads the credential of `source`. What it returns may stand in a header and lives.
/// @return  Errc::denied  the issuer refuses, its answer cannot be trusted, or the key is older
///                        than max_age; the context names the credential.
[[nodiscard]] Result<Lease> mint(const MintContext& context, const CredentialSource& source);

/// The token that says who this job is: `with.identity` of `source`.
[[nodiscard]] Result<Secret> identity_token(const MintContext& context,
                                            const CredentialSource& source);

/// `text` without its last line's end, as something that may stand in a header. `what` names it in
/// the error. @return Errc::denied if it may not.
[[nodiscard]] Result<Secret> take_line(std::string_view text, std::string_view what);

/// A variable of this process's environment. @return Errc::denied if it is unset or empty.
[[nodiscard]] Result<Secret> read_variable(const std::string& name);

}  // namespace berm

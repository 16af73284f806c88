// src/credentials/lease.h: a credential that is alive, and what may be told of it.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"
#include "base/wall_time.h"

namespace berm {

/// Names of what lives at the issuer. None of them authenticates anybody: they may be written down.
struct LeaseHandle {
  std::string issuer;   ///< URL of the issuer: where to revoke
  std::string lease;    ///< Vault's lease id
  std::string session;  ///< accessor of a Vault token that berm logged in for
  bool operator==(const LeaseHandle&) const = default;
};

/// What `berm doctor --credentials` shows of one grant: everything but its value.
struct LeaseReport {
  std::string name;                 ///< of the grant
  std::string issuer;               ///< "https://api.github.com", "environment", …
  std::string kind;                 ///< the scheme: "github-app", "env", …
  std::optional<WallTime> minted;   ///< issued for this run; of a static key its date, if known
  std::optional<WallTime> expires;  ///< nullopt: lives until somebody ends it
  std::string scope;       ///< as the issuer says that it granted it; "" if it says nothing
  bool revocable = false;  ///< berm ends it with the run
  std::string note;        ///< what the user should know: an age, a scope left wide
  bool operator==(const LeaseReport&) const = default;
};

/// A credential in the hands of its keeper.
struct Lease {
  Secret value;
  std::optional<Secret> session;  ///< a token that berm logged in for; ends with the lease
  LeaseHandle handle;
  LeaseReport report;
  bool renewable = false;  ///< the issuer prolongs it; else a new one is minted in time
};

}  // namespace berm

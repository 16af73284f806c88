// src/credentials/keeper.h: holds the credentials of one run: mints, renews, revokes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "credentials/journal.h"
#include "credentials/outcome.h"
#include "credentials/provider.h"

namespace berm {

/// When a credential of this life is to be renewed: a quarter of its life before its end, at most
/// five minutes. Pure.
[[nodiscard]] WallTime renewal_time(WallTime minted, WallTime expires);

/// What a keeper has to tell: a new value, or that there is none.
struct Renewal {
  const Lease* lease = nullptr;  ///< in the keeper's hands
  bool is_new_value = false;
  std::optional<Error> error;  ///< it lives until lease->report.expires
};

class Keeper {
 public:
  /// @param journal  nullptr if nothing is issued.
  Keeper(HttpsClient& https, std::string run, std::map<std::string, Secret> descriptors,
         std::unique_ptr<Journal> journal);

  /// Mints all, each in a thread. @return nullopt: all live; else what was minted is ended.
  [[nodiscard]] std::optional<FailedMint> mint_all(std::vector<CredentialSource> sources);
  [[nodiscard]] std::vector<const Lease*> leases() const;

  /// When renew_due() has something to do; nullopt: never.
  [[nodiscard]] std::optional<WallTime> next_due() const;
  /// Renews what is due and ends what was replaced. Tells each result to `tell`.
  void renew_due(const std::function<void(const Renewal&)>& tell);

  /// Ends all. @param and_forget  what cannot be ended leaves the journal too: the user is told
  /// now. What failed stays in the journal in any case, for the next berm.
  [[nodiscard]] std::vector<RevokeOutcome> revoke_all(bool and_forget);

  [[nodiscard]] Result<void> disable_key(const std::string& name, const std::string& key_id);

 private:
  struct Kept {
    CredentialSource source;
    Lease lease;
    std::string id;  ///< in the journal
    int generation = 1;
    std::optional<WallTime> due;  ///< to renew, or, of a replaced one, to end
    std::chrono::seconds backoff{0};
    bool told = false;  ///< that renewing fails
  };
  [[nodiscard]] MintContext context(const std::string& id);
  [[nodiscard]] Result<Lease> mint_recorded(const CredentialSource& source, const std::string& id);
  [[nodiscard]] Result<bool> renew(Kept& kept);
  [[nodiscard]] Result<void> replace(Kept& kept);
  [[nodiscard]] RevokeOutcome end(Kept& kept, bool and_forget);
  void end_replaced();

  HttpsClient& https_;
  std::string run_;
  std::map<std::string, Secret> descriptors_;
  std::unique_ptr<Journal> journal_;
  std::vector<std::unique_ptr<Kept>> kept_;
  std::vector<std::unique_ptr<Kept>> replaced_;  ///< still in use by a request on its way
};

}  // namespace berm

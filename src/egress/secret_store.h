// src/egress/secret_store.h: the run's secrets, in the memory of the only process that uses them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/secret.h"
#include "redact/known_secrets.h"
#include "rules/egress/credential.h"

namespace berm {

/// The secrets, in the order of EgressConfiguration::credentials, and what recognises them. Thread
/// safe: a secret that is renewed takes its predecessor's place while requests go on with the one
/// they began with.
class SecretStore {
 public:
  /// @return Errc::invalid_policy for a secret that is too short to be recognised again.
  [[nodiscard]] static Result<std::unique_ptr<SecretStore>> create(
      const std::vector<EgressCredential>& credentials,
      std::vector<std::shared_ptr<const Secret>> secrets);

  /// nullptr for an index that there is not.
  [[nodiscard]] std::shared_ptr<const Secret> get(std::size_t credential) const;
  [[nodiscard]] Result<void> replace(std::size_t credential, std::shared_ptr<const Secret> secret);

  /// Keeps a token that a token service has given for credential `credential`. @return what stands
  /// for it inside: drawn at random, worth nothing outside. Errc::internal: there is no randomness.
  [[nodiscard]] Result<std::string> exchange(std::size_t credential, Secret token);
  /// nullptr: no token of that credential, or one so old that it was given up.
  [[nodiscard]] std::shared_ptr<const Secret> exchanged(std::size_t credential,
                                                        std::string_view placeholder) const;

  /// What must not come in: every value there is, and was, and every token, as it is.
  [[nodiscard]] std::shared_ptr<const KnownSecrets> values() const;
  /// What must not go out: those, and the placeholders.
  [[nodiscard]] std::shared_ptr<const KnownSecrets> values_and_placeholders() const;

 private:
  static constexpr std::size_t kMostTokens = 128;  ///< a client asks for one a repository
  struct Exchanged {
    std::size_t credential = 0;
    std::string placeholder;
    std::shared_ptr<const Secret> token;
  };
  SecretStore() = default;
  [[nodiscard]] Result<void> learn();

  mutable std::mutex mutex_;
  std::vector<EgressCredential> credentials_;
  std::vector<std::shared_ptr<const Secret>> secrets_;
  /// Values that were replaced: an answer may still hold one.
  std::vector<std::pair<std::size_t, std::shared_ptr<const Secret>>> former_;
  std::vector<Exchanged> tokens_;  ///< oldest first
  std::shared_ptr<const KnownSecrets> values_;
  std::shared_ptr<const KnownSecrets> all_;
};

/// Looks through a body piece by piece and passes on only what is no beginning of a secret.
class LeakCheck {
 public:
  explicit LeakCheck(std::shared_ptr<const KnownSecrets> known) : known_(std::move(known)) {}

  /// What may go on now; valid until the next call. Empty, for ever, once found() says a name.
  /// @param last  nothing follows: what was held goes on, too
  [[nodiscard]] std::string_view feed(std::string_view piece, bool last);
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  std::shared_ptr<const KnownSecrets> known_;
  std::vector<SecretSpan> spans_;
  std::string buffer_;
  std::size_t passed_ = 0;  ///< of buffer_
  std::string found_;
};

}  // namespace berm

// src/egress/secret_store.h: the run's secrets, in the memory of the only process that uses them.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/secret.h"

namespace berm {

/// In the order of EgressConfiguration::credentials. Thread safe: a secret that is renewed takes
/// its predecessor's place while requests go on with the one they began with.
class SecretStore {
 public:
  explicit SecretStore(std::vector<std::shared_ptr<const Secret>> secrets)
      : secrets_(std::move(secrets)) {}

  /// nullptr for an index that there is not.
  [[nodiscard]] std::shared_ptr<const Secret> get(std::size_t credential) const {
    const std::lock_guard lock(mutex_);
    return credential < secrets_.size() ? secrets_[credential] : nullptr;
  }
  void replace(std::size_t credential, std::shared_ptr<const Secret> secret) {
    const std::lock_guard lock(mutex_);
    if (credential < secrets_.size()) secrets_[credential].swap(secret);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Secret>> secrets_;
};

}  // namespace berm

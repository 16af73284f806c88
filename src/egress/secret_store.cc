#include "egress/secret_store.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace berm {

Result<std::unique_ptr<SecretStore>> SecretStore::create(
    const std::vector<EgressCredential>& credentials,
    std::vector<std::shared_ptr<const Secret>> secrets) {
  std::unique_ptr<SecretStore> store(new SecretStore);
  store->credentials_ = credentials;
  store->secrets_ = std::move(secrets);
  BERM_TRY(store->learn());
  return store;
}

std::shared_ptr<const Secret> SecretStore::get(std::size_t credential) const {
  const std::lock_guard lock(mutex_);
  return credential < secrets_.size() ? secrets_[credential] : nullptr;
}

Result<void> SecretStore::replace(std::size_t credential, std::shared_ptr<const Secret> secret) {
  const std::lock_guard lock(mutex_);
  if (credential >= secrets_.size()) {
    return failure(Errc::internal, "replace a secret that there is not");
  }
  former_.emplace_back(credential, std::move(secrets_[credential]));
  secrets_[credential] = std::move(secret);
  return learn();
}

Result<std::string> SecretStore::exchange(std::size_t credential, Secret token) {
  std::array<unsigned char, 24> drawn{};
  if (RAND_bytes(drawn.data(), static_cast<int>(drawn.size())) != 1) {
    return failure(Errc::internal, "draw what stands for a token");
  }
  const std::lock_guard lock(mutex_);
  if (credential >= secrets_.size()) return failure(Errc::internal, "keep a token of nobody's");
  if (tokens_.size() == kMostTokens) tokens_.erase(tokens_.begin());
  tokens_.push_back({.credential = credential,
                     .placeholder = "berm-token-" + to_hex(drawn),
                     .token = std::make_shared<const Secret>(std::move(token))});
  std::string placeholder = tokens_.back().placeholder;
  BERM_TRY(learn());
  return placeholder;
}

std::shared_ptr<const Secret> SecretStore::exchanged(std::size_t credential,
                                                     std::string_view placeholder) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(tokens_, [&](const Exchanged& one) {
    return one.credential == credential && one.placeholder == placeholder;
  });
  return found == tokens_.end() ? nullptr : found->token;
}

Result<void> SecretStore::learn() {
  auto values = std::make_shared<KnownSecrets>();
  auto all = std::make_shared<KnownSecrets>();
  const auto add = [&](std::size_t i, const Secret& secret) -> Result<void> {
    BERM_TRY(values->add(credentials_[i].name, secret.reveal()));
    return all->add(credentials_[i].name, secret.reveal());
  };
  for (std::size_t i = 0; i < secrets_.size(); ++i) {
    BERM_TRY(add(i, *secrets_[i]));
    BERM_TRY(all->add(credentials_[i].name, credentials_[i].placeholder, Recognise::whole_only));
  }
  for (const auto& [i, secret] : former_) BERM_TRY(add(i, *secret));
  // Whole only: the first part of a token is that of many (a JWT's header), and it dies in minutes.
  for (const Exchanged& one : tokens_) {
    const std::string& name = credentials_[one.credential].name;
    BERM_TRY(values->add(name, one.token->reveal(), Recognise::whole_only));
    BERM_TRY(all->add(name, one.token->reveal(), Recognise::whole_only));
    BERM_TRY(all->add(name, one.placeholder, Recognise::whole_only));
  }
  values_ = std::move(values);
  all_ = std::move(all);
  return {};
}

std::shared_ptr<const KnownSecrets> SecretStore::values() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

std::shared_ptr<const KnownSecrets> SecretStore::values_and_placeholders() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

std::string_view LeakCheck::feed(std::string_view piece, bool last) {
  if (!found_.empty()) return "";
  if (known_->empty()) return piece;
  buffer_.erase(0, passed_);
  passed_ = 0;
  buffer_ += piece;
  spans_.clear();
  known_->find(buffer_, 0, spans_);
  if (!spans_.empty()) {
    found_ = known_->names()[spans_.front().label];
    return "";
  }
  passed_ = last ? buffer_.size() : known_->unfinished_from(buffer_);
  return std::string_view(buffer_).substr(0, passed_);
}

}  // namespace berm

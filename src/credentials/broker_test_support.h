// src/credentials/broker_test_support.h: a broker, its journal and its issuers. Tests only.
#pragma once

#include "credentials/broker.h"
#include "credentials/issuers_test_support.h"
#include "credentials/journal.h"

namespace berm::test {

inline const BrokerProgram kProgram = {.path = BERM_TEST_KEEPER, .arguments = {"--child"}};
inline constexpr const char* kMintGithub = "POST /github/app/installations/678/access_tokens";
inline constexpr const char* kEndGithub = "DELETE /github/installation/token";
inline constexpr const char* kLogin = "POST /vault/v1/auth/approle/login";
inline constexpr const char* kCredentials = "GET /vault/v1/database/creds/agents";
inline constexpr const char* kEndLease = "PUT /vault/v1/sys/leases/revoke";
inline constexpr const char* kEndToken = "POST /vault/v1/auth/token/revoke-self";

inline void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

class BrokerTest : public testing::Test {
 protected:
  Result<Broker> start(const std::vector<CredentialSource>& sources, FailedMint* failed = nullptr) {
    return Broker::start(kProgram, journal_, "run-1", sources, failed);
  }
  [[nodiscard]] std::string journal_text() const {
    return read_file(journal_ + "/run-1.json").value_or("");
  }
  [[nodiscard]] bool nothing_is_left() const {
    return !std::filesystem::exists(journal_) || std::filesystem::is_empty(journal_);
  }

  Scratch scratch_;
  std::string journal_ = scratch_.at("journal");
  VaultLogin login_;
  Issuers issuers_;
};

}  // namespace berm::test

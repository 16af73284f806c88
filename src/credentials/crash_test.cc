#include <gtest/gtest.h>

#include "credentials/broker_test_support.h"

namespace berm {
namespace {

using namespace test;

struct Crash {
  const char* name;
  const char* path;  ///< the request at which it happens
  bool after;        ///< the issuer has done it, and nobody has heard
  bool ending;       ///< on the way out
  bool vault;
};

// clang-format off
constexpr Crash kCrashes[] = {
    {"github_before_minting",   kMintGithub,  false, false, false},
    {"github_after_minting",    kMintGithub,  true,  false, false},
    {"github_before_revoking",  kEndGithub,   false, true,  false},
    {"github_after_revoking",   kEndGithub,   true,  true,  false},
    {"vault_before_login",      kLogin,       false, false, true},
    {"vault_after_login",       kLogin,       true,  false, true},
    {"vault_before_lease",      kCredentials, false, false, true},
    {"vault_after_lease",       kCredentials, true,  false, true},
    {"vault_before_end_lease",  kEndLease,    false, true,  true},
    {"vault_after_end_lease",   kEndLease,    true,  true,  true},
    {"vault_before_end_token",  kEndToken,    false, true,  true},
    {"vault_after_end_token",   kEndToken,    true,  true,  true},
};
// clang-format on

class CrashTest : public BrokerTest, public testing::WithParamInterface<Crash> {
 protected:
  // A supervisor in a process of its own, stopped in the middle of `crash`.
  pid_t supervisor_at(const Crash& crash) {
    const CredentialSource source = crash.vault ? vault_source(issuers_) : github_source(issuers_);
    issuers_.command(std::string(crash.after ? "hold-after " : "hold ") + crash.path);
    const pid_t pid = ::fork();
    if (pid == 0) {
      Result<Broker> broker = start({source});
      if (broker && crash.ending) (void)broker->revoke_all();
      ::pause();
      ::_exit(0);
    }
    (void)issuers_.event("held", crash.path);
    return pid;
  }
};

TEST_P(CrashTest, AKilledSupervisorLeavesNoLiveLease) {
  const pid_t supervisor = supervisor_at(GetParam());
  kill_and_wait(supervisor);
  issuers_.command("release");
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); })) << journal_text();
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_P(CrashTest, AKilledSupervisorAndKeeperAreMadeUpForByTheNextBerm) {
  const Crash& crash = GetParam();
  const pid_t supervisor = supervisor_at(crash);
  const Result<JournalContent> content = parse_journal(journal_text());
  ASSERT_TRUE(content);
  ::kill(content->keeper.pid, SIGKILL);
  kill_and_wait(supervisor);
  ASSERT_TRUE(eventually([&] { return !is_running(content->keeper); }));
  issuers_.command("release");
  const Result<std::vector<RecoveredLease>> recovered = recover_leases(kProgram, journal_);
  ASSERT_TRUE(recovered) << render(recovered.error());
  ASSERT_EQ(recovered->size(), 1U);
  const RevokeOutcome& outcome = recovered->at(0).outcome;
  const bool is_known = crash.vault && crash.path != kLogin;
  if (!is_known) {
    // Its value is lost, or nobody knows its name: the user is told, with its end if there is one.
    EXPECT_EQ(outcome.end, LeaseEnd::lives);
    EXPECT_EQ(outcome.until.has_value(), !crash.vault);
    EXPECT_EQ(recover_leases(kProgram, journal_)->size(), crash.vault ? 0U : 1U);
    return;
  }
  EXPECT_TRUE(issuers_.live().empty());
  EXPECT_EQ(outcome.end, LeaseEnd::revoked) << outcome.why;
  EXPECT_TRUE(nothing_is_left());
}

INSTANTIATE_TEST_SUITE_P(Broker, CrashTest, testing::ValuesIn(kCrashes),
                         [](const auto& suite) { return std::string(suite.param.name); });

TEST_F(BrokerTest, AKilledSupervisorOfAnIdleRunLeavesNoLiveLease) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    Result<Broker> broker = start({vault_source(issuers_), github_source(issuers_)});
    (void)!::write(ready[1], "x", broker ? 1 : 0);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(issuers_.live().size(), 3U);
  kill_and_wait(supervisor);
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_F(BrokerTest, ASupervisorKilledDuringARenewalLeavesNoLiveLease) {
  issuers_.command("set github-life 8");
  Pipe ready = *make_pipe();
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    Result<Broker> broker = start({github_source(issuers_)});
    (void)write_all(ready.write.get(), broker ? "x" : "");
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready.read.get(), &byte, 1), 1);
  issuers_.command(std::string("hold-after ") + kMintGithub);
  (void)issuers_.event("held", kMintGithub);
  kill_and_wait(supervisor);
  EXPECT_EQ(issuers_.live().size(), 2U);
  issuers_.command("release");
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); })) << journal_text();
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_F(BrokerTest, AKeeperThatDiesIsNoticedAndMadeUpFor) {
  Result<Broker> broker = start({vault_source(issuers_)});
  ASSERT_TRUE(broker);
  ::kill(broker->pid(), SIGKILL);
  EXPECT_EQ(broker->receive().error().os_errno, ECONNRESET);
  EXPECT_FALSE(broker->revoke_all());
  const Result<std::vector<RecoveredLease>> recovered = recover_leases(kProgram, journal_);
  ASSERT_TRUE(recovered) << render(recovered.error());
  EXPECT_EQ(recovered->at(0).outcome.end, LeaseEnd::revoked);
  EXPECT_TRUE(issuers_.live().empty());
  EXPECT_TRUE(nothing_is_left());
}

}  // namespace
}  // namespace berm

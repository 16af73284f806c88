#include <gtest/gtest.h>

#include <fstream>

#include "credentials/broker_test_support.h"

namespace berm {
namespace {

using namespace test;

TEST_F(BrokerTest, MintsAllTellsWhatItMintedAndEndsAll) {
  const Variable key("TEST_KEY", "static");
  Result<Broker> broker = start(
      {github_source(issuers_), {.name = "model", .from = "env:TEST_KEY"}, vault_source(issuers_)});
  ASSERT_TRUE(broker) << render(broker.error());
  std::vector<Credential> credentials = broker->take_credentials();
  ASSERT_EQ(credentials.size(), 3U);
  EXPECT_TRUE(credentials[0].value.reveal().starts_with("ghs_"));
  EXPECT_EQ(credentials[1].value.reveal(), "static");
  EXPECT_TRUE(credentials[2].value.reveal().starts_with("password-"));
  EXPECT_EQ(credentials[0].report.name, "github");
  EXPECT_EQ(credentials[0].report.kind, "github-app");
  EXPECT_TRUE(credentials[0].report.revocable);
  EXPECT_FALSE(credentials[1].report.revocable);
  EXPECT_EQ(issuers_.live().size(), 3U);

  const Result<std::vector<RevokeOutcome>> outcomes = broker->revoke_all();
  ASSERT_TRUE(outcomes) << render(outcomes.error());
  ASSERT_EQ(outcomes->size(), 3U);
  EXPECT_EQ((*outcomes)[0].end, LeaseEnd::revoked);
  EXPECT_EQ((*outcomes)[1].end, LeaseEnd::lives);
  EXPECT_EQ((*outcomes)[2].end, LeaseEnd::revoked);
  EXPECT_TRUE(issuers_.live().empty());
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BrokerTest, TheJournalIsPrivateAndHoldsNothingThatAuthenticates) {
  Result<Broker> broker = start({github_source(issuers_), vault_source(issuers_)});
  ASSERT_TRUE(broker) << render(broker.error());
  struct stat status {};
  ASSERT_EQ(::stat((journal_ + "/run-1.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  const std::string text = journal_text();
  for (const std::string& name : issuers_.live()) {
    const bool is_lease = name.starts_with("database/");
    EXPECT_EQ(text.find("\"" + name) != std::string::npos, is_lease) << name;
  }
  for (const Credential& credential : broker->take_credentials()) {
    EXPECT_EQ(text.find(credential.value.reveal()), std::string::npos);
  }
  EXPECT_EQ(text.find("secret-id-of-berm"), std::string::npos);
  EXPECT_NE(text.find("accessor-of-hvs.login-"), std::string::npos);
}

TEST_F(BrokerTest, TheJournalIsThereBeforeTheIssuerIsAsked) {
  issuers_.command(std::string("hold ") + kMintGithub);
  std::thread starting([&] { (void)start({github_source(issuers_)}); });
  (void)issuers_.event("held", kMintGithub);
  const Result<JournalContent> content = parse_journal(journal_text());
  EXPECT_TRUE(content);
  if (content) {
    EXPECT_FALSE(content->leases.at(0).live);
    EXPECT_TRUE(is_running(content->keeper));
  }
  issuers_.command("release");
  starting.join();
  EXPECT_TRUE(issuers_.live().empty()) << "a dropped broker ends what it minted";
}

TEST_F(BrokerTest, OneRefusalEndsTheOthersAndRefusesTheRun) {
  CredentialSource second = github_source(issuers_);
  second.name = "other";
  second.with["endpoint"] = issuers_.url("none");
  second.from = "github-app:12345/999";
  FailedMint failed;
  const Result<Broker> broker =
      start({github_source(issuers_), second, {.name = "model", .from = "env:TEST_NONE"}}, &failed);
  ASSERT_FALSE(broker);
  ASSERT_EQ(failed.refused.size(), 2U);
  EXPECT_EQ(failed.refused[0].name, "other");
  EXPECT_EQ(failed.refused[1].name, "model");
  ASSERT_EQ(failed.minted.size(), 1U);
  EXPECT_EQ(failed.minted[0].name, "github");
  ASSERT_EQ(failed.ended.size(), 1U);
  EXPECT_EQ(failed.ended[0].name, "github");
  EXPECT_EQ(failed.ended[0].end, LeaseEnd::revoked);
  const std::string said = render(broker.error());
  EXPECT_NE(said.find("credential 'other'"), std::string::npos) << said;
  EXPECT_NE(said.find("also: cannot read the variable TEST_NONE"), std::string::npos) << said;
  EXPECT_TRUE(issuers_.live().empty());
  EXPECT_TRUE(nothing_is_left());
  issuers_.expect_wrong();
}

TEST_F(BrokerTest, SeesOnlyTheVariablesThatItsSourcesName) {
  const Variable other("OTHER_SECRET", "must-not-be-there");
  const Variable key("TEST_KEY", "static");
  Result<Broker> broker = start({{.name = "model", .from = "env:TEST_KEY"}});
  ASSERT_TRUE(broker) << render(broker.error());
  const std::string environment =
      read_file("/proc/" + std::to_string(broker->pid()) + "/environ").value_or("");
  // Root may read it though it is not dumpable.
  if (::geteuid() == 0) {
    EXPECT_NE(environment.find("TEST_KEY="), std::string::npos);
  }
  EXPECT_EQ(environment.find("OTHER_SECRET"), std::string::npos);
  struct stat status {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(broker->pid()) + "/environ").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U) << "not dumpable: only root looks in";
}

TEST_F(BrokerTest, IgnoresTheTerminalsSignalsInASessionOfItsOwn) {
  Result<Broker> broker = start({github_source(issuers_)});
  ASSERT_TRUE(broker);
  EXPECT_EQ(::getsid(broker->pid()), broker->pid());
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(broker->pid(), signal);
  const Result<std::vector<RevokeOutcome>> outcomes = broker->revoke_all();
  ASSERT_TRUE(outcomes) << render(outcomes.error());
  EXPECT_EQ(outcomes->at(0).end, LeaseEnd::revoked);
}

TEST_F(BrokerTest, AKeyComesFromADescriptorAndTheDescriptorIsGone) {
  Pipe pipe = *make_pipe();
  ASSERT_TRUE(write_all(pipe.write.get(), "from-a-pipe\n"));
  pipe.write.reset();
  const int fd = pipe.read.release();
  Result<Broker> broker = start({{.name = "model", .from = "fd:" + std::to_string(fd)}});
  ASSERT_TRUE(broker) << render(broker.error());
  EXPECT_EQ(broker->take_credentials().at(0).value.reveal(), "from-a-pipe");
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST_F(BrokerTest, AFailedRevocationIsToldAndLeftForTheNextBerm) {
  Result<Broker> broker = start({vault_source(issuers_)});
  ASSERT_TRUE(broker);
  for (const char* key : {kEndLease, kEndToken}) {
    issuers_.answer(key, {{"status", 503}, {"body", {{"errors", {"Vault is sealed"}}}}});
  }
  const Result<std::vector<RevokeOutcome>> outcomes = broker->revoke_all();
  ASSERT_TRUE(outcomes);
  ASSERT_EQ(outcomes->size(), 1U);
  EXPECT_EQ(outcomes->at(0).end, LeaseEnd::failed);
  EXPECT_NE(outcomes->at(0).why.find("answers 503: 'Vault is sealed'"), std::string::npos);
  EXPECT_EQ(issuers_.asked(kEndToken), 3) << "it is tried three times";
  EXPECT_FALSE(issuers_.live().empty());

  for (const char* key : {kEndLease, kEndToken}) issuers_.command(std::string("usual ") + key);
  const Result<std::vector<RecoveredLease>> recovered = recover_leases(kProgram, journal_);
  ASSERT_TRUE(recovered) << render(recovered.error());
  ASSERT_EQ(recovered->size(), 1U);
  EXPECT_EQ(recovered->at(0).outcome.end, LeaseEnd::revoked) << recovered->at(0).outcome.why;
  EXPECT_EQ(recovered->at(0).run, "run-1");
  EXPECT_TRUE(issuers_.live().empty());
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BrokerTest, WhatNobodyCanEndIsToldWithItsEnd) {
  const Variable url("ACTIONS_ID_TOKEN_REQUEST_URL", issuers_.url("actions/token?api-version=2.0"));
  const Variable token("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token-of-the-job");
  Result<Broker> broker =
      start({{.name = "azure",
              .from = "azure-wif:tenant-1/client-1",
              .with = {{"identity", "github-oidc:a"}, {"endpoint", issuers_.url("azure")}},
              .scope = {{"resource", "https://vault.azure.net"}}}});
  ASSERT_TRUE(broker) << render(broker.error());
  const Result<std::vector<RevokeOutcome>> outcomes = broker->revoke_all();
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(outcomes->at(0).end, LeaseEnd::lives);
  EXPECT_TRUE(outcomes->at(0).until);
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BrokerTest, ATokenIsReplacedBeforeItExpiresAndTheOldOneEnds) {
  issuers_.command("set github-life 4");
  Result<Broker> broker = start({github_source(issuers_)});
  ASSERT_TRUE(broker);
  const std::vector<Credential> first = broker->take_credentials();
  pollfd ready{broker->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, 30'000), 1);
  const Result<BrokerEvent> event = broker->receive();
  ASSERT_TRUE(event) << render(event.error());
  EXPECT_EQ(event->kind, BrokerEvent::Kind::renewed);
  EXPECT_EQ(event->report.name, "github");
  EXPECT_TRUE(event->value.reveal().starts_with("ghs_"));
  EXPECT_NE(event->value.reveal(), first[0].value.reveal());
  EXPECT_TRUE(broker->revoke_all());
  EXPECT_TRUE(issuers_.live().empty()) << "the old one too";
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(BrokerTest, ALeaseIsProlongedAndAtItsMaximumReplaced) {
  issuers_.command("set vault-life 4");
  Result<Broker> broker = start({vault_source(issuers_)});
  ASSERT_TRUE(broker);
  Result<BrokerEvent> event = broker->receive();
  ASSERT_TRUE(event) << render(event.error());
  EXPECT_EQ(event->kind, BrokerEvent::Kind::prolonged);
  EXPECT_TRUE(broker->revoke_all());
  EXPECT_TRUE(issuers_.live().empty());
  issuers_.command("set vault-max 1");
  Result<Broker> second = start({vault_source(issuers_)});
  ASSERT_TRUE(second) << render(second.error());
  event = second->receive();
  ASSERT_TRUE(event) << render(event.error());
  EXPECT_EQ(event->kind, BrokerEvent::Kind::renewed);
  EXPECT_TRUE(second->revoke_all());
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_F(BrokerTest, ARenewalThatFailsIsToldAndTheValueLivesOn) {
  issuers_.command("set github-life 8");
  Result<Broker> broker = start({github_source(issuers_)});
  ASSERT_TRUE(broker);
  issuers_.answer(kMintGithub, {{"status", 500}, {"body", "x"}});
  const Result<BrokerEvent> event = broker->receive();
  ASSERT_TRUE(event) << render(event.error());
  EXPECT_EQ(event->kind, BrokerEvent::Kind::renewal_failed);
  EXPECT_NE(event->error.what.find("answers 500"), std::string::npos);
  EXPECT_TRUE(event->report.expires);
  EXPECT_EQ(issuers_.live().size(), 1U);
  EXPECT_TRUE(broker->revoke_all());
  EXPECT_TRUE(issuers_.live().empty());
}

TEST_F(BrokerTest, DisablesAnAnthropicKey) {
  const Variable admin("TEST_ADMIN",
                       "sk-ant-"
                       "admin01-of-the-test");
  const Variable key("TEST_KEY",
                     "sk-ant-"
                     "api03-bbb" +
                         std::string(40, 'x') + "2222");
  Result<Broker> broker =
      start({{.name = "anthropic",
              .from = "env:TEST_KEY",
              .with = {{"admin", "env:TEST_ADMIN"}, {"endpoint", issuers_.url("anthropic")}}}});
  ASSERT_TRUE(broker) << render(broker.error());
  EXPECT_TRUE(broker->disable_anthropic_key("anthropic"));
  EXPECT_EQ(issuers_.event("revoked")["what"], "apikey_2");
  EXPECT_FALSE(broker->disable_anthropic_key("other"));
}

TEST_F(BrokerTest, RecoveryLeavesARunningKeepersLeasesAlone) {
  Result<Broker> broker = start({vault_source(issuers_)});
  ASSERT_TRUE(broker);
  const Result<std::vector<RecoveredLease>> recovered = recover_leases(kProgram, journal_);
  ASSERT_TRUE(recovered);
  EXPECT_TRUE(recovered->empty());
  EXPECT_EQ(issuers_.live().size(), 2U);
  // Nor when only the lock is lost: the process is looked at too.
  std::filesystem::remove(journal_ + "/run-1.lock");
  EXPECT_TRUE(recover_leases(kProgram, journal_)->empty());
  EXPECT_EQ(issuers_.live().size(), 2U);
}

TEST_F(BrokerTest, AJournalThatCannotBeReadIsTold) {
  std::filesystem::create_directory(journal_);
  (void)scratch_.file("journal/run-9.json", "{ broken");
  const Result<std::vector<RecoveredLease>> recovered = recover_leases(kProgram, journal_);
  ASSERT_TRUE(recovered) << render(recovered.error());
  ASSERT_EQ(recovered->size(), 1U);
  EXPECT_EQ(recovered->at(0).outcome.end, LeaseEnd::failed);
}

// How often `needle` is in the memory of `pid`: first in locked pages, second elsewhere.
std::pair<int, int> copies_in(pid_t pid, std::string_view needle) {
  const std::string proc = "/proc/" + std::to_string(pid);
  const UniqueFd memory(::open((proc + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  std::ifstream maps(proc + "/smaps");
  std::pair<int, int> found;
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    unsigned long first = 0;
    unsigned long last = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx r", &first, &last) == 2) {
      std::string bytes(last - first, '\0');
      const ssize_t got =
          ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(first));
      bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      count = 0;
      for (std::size_t at = bytes.find(needle); at != std::string::npos;
           at = bytes.find(needle, at + 1)) {
        ++count;
      }
    }
    if (!line.starts_with("VmFlags:")) continue;
    const bool is_locked = line.find(" lo") != std::string::npos;
    (is_locked ? found.first : found.second) += count;
    count = 0;
  }
  return found;
}

TEST_F(BrokerTest, TheKeepersMemoryHoldsEachValueInLockedPagesOnly) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root looks into a process that is not dumpable";
  Result<Broker> broker = start({github_source(issuers_), vault_source(issuers_)});
  ASSERT_TRUE(broker);
  for (const Credential& credential : broker->take_credentials()) {
    const auto [locked, elsewhere] = copies_in(broker->pid(), credential.value.reveal());
    EXPECT_EQ(locked, 1) << credential.report.name;
    EXPECT_EQ(elsewhere, 0) << credential.report.name;
  }
  EXPECT_EQ(copies_in(broker->pid(), "secret-id-of-berm").first, 0);
}

}  // namespace
}  // namespace berm

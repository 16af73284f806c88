// However a run ends, what was minted for it does not live on: the built berm against stand-ins of
// GitHub and Vault (issuers.py), on this machine's loopback.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "credentials/issuers_test_support.h"
#include "running.h"

namespace berm::test {
namespace {

constexpr const char* kMintGithub = "POST /github/app/installations/678/access_tokens";
constexpr const char* kEndGithub = "DELETE /github/installation/token";
constexpr const char* kMintVault = "GET /vault/v1/database/creds/agents";

class Revoked : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    const uid_t owner = GetParam() == As::user && ::geteuid() == 0 ? kUserId : ::geteuid();
    for (const char* name : {"app.key", "ca.pem"}) {
      const std::string to = site.root() + "/" + name;
      std::filesystem::copy_file(keys().scratch.at(name), to);
      ASSERT_EQ(::chmod(to.c_str(), 0600), 0);
      ASSERT_EQ(::chown(to.c_str(), owner, owner), 0);
    }
    site.write(
        "policy.toml",
        R"sh(version = 1
[credentials.github]
from = "github-app:12345/678"
with = { key = "file:)sh" +
            site.root() + R"sh(/app.key", endpoint = ")sh" + issuers.url("github") + R"sh(" }
scope = { repositories = "app, docs", permissions = "contents:read,issues:write" }
to = { host = "api.good.example", header = "authorization", format = "Bearer {}" }
[credentials.database]
from = "vault:database/creds/agents#password"
with = { address = ")sh" +
            issuers.url("vault") +
            R"sh(", auth = "approle", role_id = "env:TEST_ROLE_ID", secret_id = "env:TEST_SECRET_ID" }
to = { host = "data.good.example", header = "x-api-key" }
)sh");
    site.shell("echo policy.toml >> .git/info/exclude");
  }

  std::unique_ptr<Running> start(const std::string& script,
                                 const std::vector<std::string>& options = {}) const {
    std::vector<std::string> argv;
    if (GetParam() == As::user && ::geteuid() == 0) {
      const std::string id = std::to_string(kUserId);
      argv = {"setpriv", "--reuid", id, "--regid", id, "--clear-groups"};
    }
    argv.insert(argv.end(), {site.program(), "run", "--policy", "policy.toml"});
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"--", "/bin/sh", "-c", script});
    std::map<std::string, std::string> env = site.environment();
    env["SSL_CERT_FILE"] = site.root() + "/ca.pem";
    env["TEST_ROLE_ID"] = "role-of-berm";
    env["TEST_SECRET_ID"] = "secret-id-of-berm";
    return std::make_unique<Running>(argv, env, site.repository());
  }
  // Names of the runs of which something may live.
  std::vector<std::string> journal() const {
    std::vector<std::string> out;
    std::error_code none;
    for (const auto& entry :
         std::filesystem::directory_iterator(site.root() + "/state/berm/leases", none)) {
      out.push_back(entry.path().filename());
    }
    return out;
  }
  std::string journal_text() const {
    return run_as(As::root, {"sh", "-c", "cat " + site.root() + "/state/berm/leases/*"},
                  site.environment(), "/", "")
        .out;
  }
  // Of all runs of this site.
  std::vector<json> events(const std::string& type) const {
    std::vector<json> out;
    std::istringstream lines(site.shell("cat " + site.root() + "/state/berm/runs/*/record.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (event.is_object() && event["type"] == type) out.push_back(event["data"]);
    }
    return out;
  }
  void expect_nothing_lives() {
    EXPECT_EQ(issuers.live(), std::vector<std::string>());
    EXPECT_EQ(journal(), std::vector<std::string>());
  }
  // Of the GitHub token, Vault's lease and Vault's session.
  void expect_minted() { EXPECT_EQ(issuers.live().size(), 3U); }

  Issuers issuers;
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Revoked, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Revoked, AtTheEndOfARunHoweverItEnds) {
  struct End {
    const char* name;
    const char* script;
    std::vector<std::string> options;
    std::vector<int> signals;
    int code;
    const char* told;
  };
  constexpr const char* kStays = "echo READY; exec sleep 1000";
  // clang-format off
  const End kEnds[] = {
      {"done", "echo READY", {}, {}, 0, "success"},
      {"the agent failed", "echo READY; exit 3", {}, {}, 3, "agent_failed"},
      {"the agent was killed", "echo READY; kill -9 $$", {}, {}, 119, "killed by SIGKILL"},
      {"Ctrl-C", kStays, {}, {SIGINT}, 119, "stopped by SIGINT"},
      {"Ctrl-C twice", kStays, {}, {SIGINT, SIGINT}, 119, "stopped by SIGINT"},
      {"SIGTERM", kStays, {}, {SIGTERM}, 119, "stopped by SIGTERM"},
      {"SIGHUP", kStays, {}, {SIGHUP}, 119, "stopped by SIGHUP"},
      {"the time limit", kStays, {"--time", "1s"}, {}, 124, "time"},
      {"the guard", "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml; echo READY", {}, {}, 120, "refused"},
  };
  // clang-format on
  for (const End& end : kEnds) {
    SCOPED_TRACE(end.name);
    const std::unique_ptr<Running> run = start(end.script, end.options);
    ASSERT_TRUE(run->await("READY\n")) << run->err();
    // The control: the run had them, and the journal said so.
    if (!end.signals.empty()) {
      expect_minted();
      EXPECT_EQ(journal().size(), 2U);  // and its lock
    }
    for (const int signal : end.signals) run->signal(signal);
    const Finished done = run->finish();
    EXPECT_EQ(done.code, end.code) << done.out << done.err;
    EXPECT_NE(done.err.find(end.told), std::string::npos) << done.err;
    (void)issuers.event("revoked");
    (void)issuers.event("revoked");
    (void)issuers.event("revoked");
    expect_nothing_lives();
    const std::string shown = site.berm({"log", "--type", "credential.revoke", "--json"}).out;
    std::istringstream lines(shown);
    int revoked = 0;
    for (std::string line; std::getline(lines, line);) {
      if (json::parse(line)["data"]["end"] == "revoked") ++revoked;
    }
    EXPECT_EQ(revoked, 2) << shown;
  }
}

TEST_P(Revoked, WhenOneOfThemIsRefusedAndNothingRuns) {
  issuers.answer(kMintVault, {{"status", 403}, {"body", {{"errors", {"permission denied"}}}}});
  const Finished done = start("echo must-not-run")->finish();
  EXPECT_EQ(done.code, 125);
  EXPECT_EQ(done.out, "");
  EXPECT_NE(done.err.find("permission denied"), std::string::npos) << done.err;
  (void)issuers.event("request", kMintGithub);  // the control
  (void)issuers.event("request", kEndGithub);
  expect_nothing_lives();
  // What was minted, what was refused, and how the former ended: the record of the failed run.
  const std::vector<json> minted = events("credential.mint");
  const std::vector<json> refused = events("credential.refused");
  const std::vector<json> ended = events("credential.revoke");
  ASSERT_EQ(minted.size(), 1U);
  EXPECT_EQ(minted[0]["name"], "github");
  EXPECT_EQ(minted[0]["kind"], "github-app");
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0]["name"], "database");
  EXPECT_NE(refused[0]["why"].get<std::string>().find("permission denied"), std::string::npos);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0]["name"], "github");
  EXPECT_EQ(ended[0]["end"], "revoked");
  EXPECT_EQ(site.berm({"verify"}).code, 0);
}

TEST_P(Revoked, WhatCouldNotBeRevokedAfterARefusalIsToldAndLeftForTheNextRun) {
  issuers.answer(kMintVault, {{"status", 403}, {"body", {{"errors", {"permission denied"}}}}});
  issuers.answer(kEndGithub, {{"status", 500}, {"body", json::object()}});
  const Finished done = start("echo must-not-run", {"--json"})->finish();
  EXPECT_EQ(done.code, 125);
  const std::vector<json> ended = events("credential.revoke");
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0]["end"], "failed");
  EXPECT_NE(done.out.find("credential 'github' could not be revoked"), std::string::npos)
      << done.out;
  EXPECT_FALSE(journal().empty());
}

// It would be minted, and then not be recognised in what the agent prints.
TEST_P(Revoked, WhenAMintedSecretIsTooShortToBeRecognised) {
  issuers.answer(kMintVault, {{"status", 200},
                              {"body",
                               {{"lease_id", "database/creds/agents/9"},
                                {"lease_duration", 3600},
                                {"renewable", true},
                                {"data", {{"password", "abc"}}}}}});
  const Finished done = start("echo must-not-run")->finish();
  EXPECT_EQ(done.code, 125);
  EXPECT_EQ(done.out, "");
  const std::vector<json> refused = events("credential.refused");
  ASSERT_EQ(refused.size(), 1U) << done.err;
  EXPECT_EQ(refused[0]["name"], "database");
  EXPECT_EQ(events("credential.mint").size(), 2U);
  EXPECT_EQ(events("credential.revoke").size(), 2U);
  (void)issuers.event("request", kEndGithub);
  EXPECT_EQ(issuers.live(), std::vector<std::string>());
}

TEST_P(Revoked, WhenBermIsKilledWhileTheAgentWorks) {
  const std::unique_ptr<Running> run = start("echo READY; exec sleep 1000");
  ASSERT_TRUE(run->await("READY\n")) << run->err();
  expect_minted();
  run->signal(SIGKILL);
  EXPECT_EQ(run->finish().code, 137);
  EXPECT_TRUE(eventually([&] { return journal().empty(); })) << journal_text();
  expect_nothing_lives();
}

TEST_P(Revoked, WhenBermIsKilledWhileItMints) {
  for (const char* path : {kMintGithub, kMintVault}) {
    for (const char* when : {"hold ", "hold-after "}) {
      SCOPED_TRACE(std::string(when) + path);
      issuers.command(std::string(when) + path);
      const std::unique_ptr<Running> run = start("echo must-not-run");
      (void)issuers.event("held", path);
      EXPECT_FALSE(journal().empty());  // the control
      run->signal(SIGKILL);
      EXPECT_EQ(run->finish().out, "");
      issuers.command("release");
      EXPECT_TRUE(eventually([&] { return journal().empty(); })) << journal_text();
      expect_nothing_lives();
    }
  }
}

TEST_P(Revoked, ByTheNextRunWhenTheBrokerIsKilledToo) {
  const std::unique_ptr<Running> run = start("echo READY; exec sleep 1000");
  ASSERT_TRUE(run->await("READY\n")) << run->err();
  const Finished broker =
      run_as(As::root, {"pgrep", "-P", std::to_string(run->pid()), "-f", "broker --child"},
             site.environment(), "/", "");
  ASSERT_EQ(broker.code, 0);
  // Stopped first: neither may do anything about the other's end.
  const pid_t keeper = std::stoi(broker.out);
  ASSERT_EQ(::kill(keeper, SIGSTOP), 0);
  run->signal(SIGKILL);
  ASSERT_EQ(::kill(keeper, SIGKILL), 0);
  EXPECT_EQ(run->finish().code, 137);
  expect_minted();
  const std::string text = journal_text();
  EXPECT_NE(text.find("accessor-of-"), std::string::npos) << text;
  for (const std::string& live : issuers.live()) {
    // A lease's name lets nobody authenticate; a token would.
    if (live.starts_with("ghs")) {
      EXPECT_EQ(text.find(live), std::string::npos) << text;
    }
    if (live.starts_with("hvs")) {
      EXPECT_EQ(text.find("\"" + live + "\""), std::string::npos) << text;
    }
  }

  const Finished next = start("echo next", {"--json"})->finish();
  EXPECT_EQ(next.code, 0) << next.err;
  const std::string notes = next.json()["notes"].dump();
  EXPECT_NE(notes.find("credential 'database' of run "), std::string::npos) << notes;
  EXPECT_NE(notes.find("credential 'github' of run "), std::string::npos) << notes;
  EXPECT_NE(notes.find("lives on until "), std::string::npos) << notes;
  // Vault's is gone; GitHub's needs its value, which nobody has.
  const std::vector<std::string> live = issuers.live();
  ASSERT_EQ(live.size(), 1U);
  EXPECT_TRUE(live[0].starts_with("ghs")) << live[0];
}

}  // namespace
}  // namespace berm::test

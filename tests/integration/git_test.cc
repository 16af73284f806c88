// tests/integration/git_test.cc: git inside, and what of it comes out.
#include <gtest/gtest.h>

#include <filesystem>

#include "harness.h"

namespace berm::test {
namespace {

class Git : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Git, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Git, CommitBranchRebaseAndStashWorkInside) {
  site.shell(
      "git checkout -qb topic && echo t > t && git add t && git commit -qm topic && git checkout "
      "-q main && echo m > m && git add m && git commit -qm main2");
  const nlohmann::json report = site.run_script(
      "set -e; git checkout -q topic; git rebase -q main; git checkout -qb work; echo w > w; git "
      "stash -qu; git stash pop -q; git add w; git commit -qm work; "
      "git merge -q --no-ff -m merged topic || true; git log --oneline | wc -l; git fsck "
      "--no-dangling 2>&1");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
}

TEST_P(Git, CommitsComeOutAsReferencesOfTheRun) {
  const nlohmann::json report = site.run_script(
      "git checkout -qb fix && echo x > src/x.c && git add . && git commit -qm 'agent work'");
  ASSERT_EQ(report["code"], 0) << report.dump(1);
  ASSERT_EQ(site.berm({"apply"}).code, 0);
  const std::string refs =
      site.shell("git for-each-ref --format='%(refname) %(subject)' refs/berm");
  EXPECT_EQ(refs, "refs/berm/" + report["id"].get<std::string>() + "/heads/fix agent work\n");
  EXPECT_EQ(site.shell("git fsck 2>&1 | grep -v dangling || true"), "");
  EXPECT_EQ(site.shell("git branch --format='%(refname:short)'"), "main\n")
      << "no branch of the user moved";
}

TEST_P(Git, StatusInsideIsWarmAndClean) {
  const nlohmann::json report = site.run_script("git status --short; git diff --stat");
  EXPECT_EQ(report["stderr"], "") << report.dump(1);
}

TEST_P(Git, HooksConfigAndHelpersStayOnTheirSide) {
  site.shell(
      "printf '#!/bin/sh\\necho HOOKED\\n' > .git/hooks/post-commit && chmod +x "
      ".git/hooks/post-commit && "
      "git config http.extraheader 'AUTHORIZATION: basic c2VjcmV0' && git config alias.st '!echo "
      "ALIASED' && "
      "git config remote.origin.url https://user:token@example.com/a.git");
  const nlohmann::json report = site.run_script(
      "git config --list; ls .git/hooks; echo y > y; git add y; git commit -qm y; "
      "printf '#!/bin/sh\\ntouch /tmp/pwned\\n' > .git/hooks/post-checkout; chmod +x "
      ".git/hooks/post-checkout; git config core.fsmonitor /tmp/evil; git config core.sshCommand "
      "evil");
  const std::string text = report["stderr"];
  for (const char* secret : {"HOOKED", "c2VjcmV0", "alias.st", "token"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  EXPECT_NE(text.find("remote.origin.url=https://example.com/a.git"), std::string::npos) << text;
  ASSERT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_FALSE(site.has(".git/hooks/post-checkout"));
  EXPECT_EQ(site.shell("git config core.fsmonitor || echo none"), "none\n");
}

TEST_P(Git, HistoryCanBeWithheld) {
  site.shell("echo 2 > two && git add two && git commit -qm second");
  const nlohmann::json head = site.run_script(
      "git log --oneline | wc -l; git status --short; git cat-file -e HEAD~1 2>&1 && echo LEAK",
      {"--policy", site.root() + "/head.toml"});
  EXPECT_EQ(head["code"], 125) << "no such policy file";
  site.write("head.toml", "[workspace]\ngit = \"head\"\n");
  const nlohmann::json one = site.run_script(
      "git log --oneline | wc -l; git cat-file -e HEAD~1 2>/dev/null && echo LEAK; true",
      {"--policy", "head.toml"});
  EXPECT_EQ(one["stderr"], "1\n") << one.dump(1);
  site.write("none.toml", "[workspace]\ngit = \"none\"\n");
  const nlohmann::json none = site.run_script("ls -d .git 2>&1; true", {"--policy", "none.toml"});
  EXPECT_NE(none["stderr"].get<std::string>().find("No such file"), std::string::npos)
      << none.dump(1);
}

TEST_P(Git, ObjectsMadeInsideAreCheckedBeforeTheyEnter) {
  // A tree with an entry called ".git": a checkout of it would plant a hook (CVE-2014-9390 and
  // kin).
  const nlohmann::json report = site.run_script(
      "set -e; blob=$(echo evil | git hash-object -w --stdin); "
      "inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree); "
      "tree=$(printf '040000 tree %s\\t.git\\n' $inner | git mktree); "
      "commit=$(git commit-tree -m evil $tree); git update-ref refs/heads/evil $commit");
  EXPECT_EQ(report["code"], 120) << "the guard judges commits as well as files";
  EXPECT_EQ(site.berm({"apply"}).code, 120);
  const Finished forced = site.berm({"apply", "--despite-guard"});
  EXPECT_EQ(forced.code, 125) << "and git's own check of every object stands behind the guard: "
                              << forced.err;
  EXPECT_EQ(site.shell("git for-each-ref refs/berm"), "");
}

TEST_P(Git, ASecretInAnEarlierCommitIsStillASecret) {
  const nlohmann::json report = site.run_script(
      "git checkout -qb fix; echo AKIAABCDEFGHIJKLMNOP > k; git add k; git commit -qm one; git rm "
      "-q k; git commit -qm two; git checkout -q main");
  EXPECT_EQ(report["code"], 120) << report.dump(1);
  EXPECT_EQ(report["findings"][0]["rule"], "credential");
}

TEST_P(Git, CommitsOnADetachedHeadAreKept) {
  const nlohmann::json report =
      site.run_script("git checkout -q --detach; echo d > d; git add d; git commit -qm loose");
  ASSERT_EQ(report["code"], 0) << report.dump(1);
  ASSERT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_NE(site.shell("git for-each-ref --format='%(refname) %(subject)' refs/berm")
                .find("detached/HEAD loose"),
            std::string::npos);
}

TEST_P(Git, TheRepositorysOwnConfigurationCannotBendTheImport) {
  site.shell("git config protocol.ext.allow always && git config url.'ext::sh -c touch% " +
             site.root() + "/state/pwned% '.insteadOf " + site.root());
  ASSERT_EQ(
      site.run_script("git checkout -qb fix; echo x > x; git add x; git commit -qm x")["code"], 0);
  EXPECT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(site.root() + "/state/pwned"));
}

TEST_P(Git, TheAlternatesAreReadOnly) {
  const nlohmann::json report = site.run_script(
      "touch /run/berm/objects/0/x; rm -rf /run/berm/objects/0/pack; git gc -q 2>/dev/null; git "
      "fsck 2>&1 | head -3");
  EXPECT_NE(report["stderr"].get<std::string>().find("Read-only file system"), std::string::npos);
  EXPECT_EQ(site.shell("git fsck 2>&1"), "");
}

}  // namespace
}  // namespace berm::test

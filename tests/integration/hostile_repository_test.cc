// tests/integration/hostile_repository_test.cc: a repository that attacks the tool that opens it.
// Every git that berm runs on the host is disarmed: nothing of the repository may execute.
#include <gtest/gtest.h>

#include <filesystem>

#include "harness.h"

namespace berm::test {
namespace {

class HostileRepository : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, HostileRepository, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(HostileRepository, NothingOfItRunsOnTheHost) {
  const std::string evil = site.root() + "/evil.sh";
  const std::string marker = site.root() + "/state/pwned";
  site.write("../evil.sh", "#!/bin/sh\ntouch " + marker + "\ncat 2>/dev/null\n");
  site.shell("chmod +x ../evil.sh && git config core.fsmonitor " + evil +
             " && git config filter.x.clean " + evil + " && git config filter.x.smudge " + evil +
             " && git config diff.x.textconv " + evil + " && git config diff.external " + evil +
             " && git config core.sshCommand " + evil + " && git config core.pager " + evil +
             " && git config core.alternateRefsCommand " + evil + " && git config core.hooksPath " +
             site.root() + "/hooks && mkdir ../hooks");
  for (const char* hook : {"reference-transaction", "post-checkout", "pre-auto-gc",
                           "post-index-change", "fsmonitor-watchman"}) {
    site.shell("cp ../evil.sh ../hooks/" + std::string(hook));
  }
  site.write(".gitattributes", "*.c filter=x diff=x\n");
  // Positive control: an armed git falls for it.
  (void)site.command({"git", "status"});
  ASSERT_TRUE(std::filesystem::exists(marker)) << "the trap must work, or this test proves nothing";
  std::filesystem::remove(marker);
  const nlohmann::json report = site.run_script(
      "echo 'int x;' >> src/main.c; git checkout -qb work; git add src; git commit -qm x; echo z > "
      "new.txt");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_EQ(site.berm({"diff"}).code, 0);
  EXPECT_EQ(site.berm({"apply"}).code, 0);
  (void)site.run_script("echo 1 > one", {"--on-success", "branch:side"});
  (void)site.run_script("echo 1 > two", {"--mode", "clone"});
  EXPECT_FALSE(std::filesystem::exists(marker)) << "something of the repository ran on the host";
}

TEST_P(HostileRepository, AForgedWorktreePointerIsNotBelieved) {
  site.shell("git init -q ../state/victim && mkdir ../state/forged && echo 'gitdir: " +
             site.root() + "/state/victim/.git' > ../state/forged/.git");
  const Finished finished = site.berm(
      Invocation{.arguments = {"run", "--", "true"}, .directory = site.root() + "/state/forged"});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("point back"), std::string::npos) << finished.err;
}

TEST_P(HostileRepository, BranchAndFileNamesAreOnlyNames) {
  site.shell(
      "git checkout -qb 'x;touch${IFS}pwned' && touch \"$(printf 'a\\nb')\" \"$(printf "
      "'q\\\"uote')\" -- '-rf' '$(touch pwned)' && git add -A && git commit -qm odd");
  const nlohmann::json report = site.run_script("git status --short; echo x >> README.md");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_FALSE(site.has("pwned"));
}

TEST_P(HostileRepository, LinksAndLoopsInTheTreeAreNotFollowed) {
  site.shell(
      "ln -s / host && ln -s loop loop && ln -s .. up && mkfifo pipe && git add -A 2>/dev/null; "
      "true");
  const nlohmann::json report =
      site.run_script("ls host/root 2>&1; cat host/etc/shadow 2>&1; true");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_EQ(report["stderr"].get<std::string>().find("root:"), std::string::npos);
}

TEST_P(HostileRepository, APolicyThatIsALinkIsRefused) {
  site.shell("ln -s /etc/passwd berm.toml && git add -f berm.toml && git commit -qm link");
  const Finished finished = site.berm({"run", "--", "true"});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("not a plain file"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace berm::test

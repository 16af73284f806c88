// tests/integration/modes_test.cc: the workspace modes besides the overlay, and repositories within
// repositories.
#include <gtest/gtest.h>
#include <unistd.h>

#include "harness.h"

namespace berm::test {
namespace {

std::string text_of(const nlohmann::json& report) {
  return report.value("stderr", "") + report.dump(1);
}

class Mode : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};

  // A repository in the middle of somebody's work: a change not committed, a file not tracked, one
  // ignored.
  void make_dirty() const {
    site.shell(
        "echo other > other && echo '*.o' > .gitignore && git add . && git commit -qm more && "
        "echo dirty >> other && echo mine > untracked && echo obj > a.o");
  }
};
INSTANTIATE_TEST_SUITE_P(As, Mode, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Mode, AWorktreeIsTheCommitAndNothingElse) {
  make_dirty();
  const nlohmann::json report =
      site.run_script("cat other; ls untracked a.o; git status --short; git symbolic-ref HEAD",
                      {"--mode", "worktree"});
  EXPECT_EQ(report["stderr"].get<std::string>().substr(0, 6), "other\n") << text_of(report);
  EXPECT_EQ(report["stderr"].get<std::string>().find("M other"), std::string::npos)
      << text_of(report);
  EXPECT_NE(report["stderr"].get<std::string>().find("cannot access 'untracked'"),
            std::string::npos)
      << text_of(report);
  EXPECT_NE(report["stderr"].get<std::string>().find("refs/heads/main"), std::string::npos)
      << text_of(report);
  EXPECT_EQ(report["changes"]["files"].size(), 0u)
      << "what the host's tree has besides the commit is no change of the agent: "
      << report.dump(1);
}

TEST_P(Mode, ApplyingAWorktreeRunLeavesWhatTheUserWasDoing) {
  make_dirty();
  const nlohmann::json report =
      site.run_script("echo new > new; rm src/main.c", {"--mode", "worktree"});
  ASSERT_EQ(report["code"], 0) << text_of(report);
  const Finished applied = site.berm({"apply"});
  ASSERT_EQ(applied.code, 0) << applied.err;
  EXPECT_EQ(site.read("new"), "new\n");
  EXPECT_FALSE(site.has("src/main.c"));
  EXPECT_EQ(site.read("other"), "other\ndirty\n");
  EXPECT_EQ(site.read("untracked"), "mine\n");
  EXPECT_EQ(site.read("a.o"), "obj\n");
}

TEST_P(Mode, AWorktreeRunCannotOverwriteWhatItNeverSaw) {
  make_dirty();
  for (const char* script : {"echo agent > other", "echo agent > untracked", "rm other"}) {
    const nlohmann::json report = site.run_script(script, {"--mode", "worktree"});
    ASSERT_EQ(report["code"], 0) << text_of(report);
    const Finished applied = site.berm({"apply"});
    EXPECT_NE(applied.code, 0) << script;
    EXPECT_NE(applied.err.find("the host has"), std::string::npos) << applied.err;
    EXPECT_EQ(site.read("other"), "other\ndirty\n");
    EXPECT_EQ(site.read("untracked"), "mine\n");
  }
}

TEST_P(Mode, AWorktreeOfAnotherRefBecomesABranchOnIt) {
  site.shell(
      "git checkout -qb old && echo old > old && git add old && git commit -qm old && git checkout "
      "-q main");
  site.write("policy.toml",
             "[workspace]\nmode = \"worktree\"\nref = \"old\"\non_success = \"branch:fixed\"\n");
  const nlohmann::json report = site.run_script(
      "git log --format=%s | head -1; git symbolic-ref -q HEAD || echo detached; git status "
      "--short; echo 2 >> old",
      {"--policy", "policy.toml"});
  ASSERT_EQ(report["code"], 0) << text_of(report);
  EXPECT_NE(report["stderr"].get<std::string>().find("old\ndetached\n"), std::string::npos)
      << text_of(report);
  EXPECT_EQ(site.shell("git show fixed:old && git log --format=%s fixed~1 | head -1"),
            "old\n2\nold\n");
  EXPECT_FALSE(site.has("old")) << "the working tree is on main";
}

TEST_P(Mode, AWorktreeHidesWhatTheCommitHides) {
  site.shell(
      "mkdir -p deploy && echo K=1 > deploy/.env && echo x > deploy/x && git add -f . && git "
      "commit -qm secrets");
  const nlohmann::json report = site.run_script(
      "ls -A deploy; git status --short; echo mine > deploy/.env && cat deploy/.env",
      {"--mode", "worktree"});
  EXPECT_EQ(report["stderr"].get<std::string>().substr(0, 7), "x\nmine\n") << text_of(report);
}

TEST_P(Mode, AnUnknownRefIsNamed) {
  site.write("policy.toml", "[workspace]\nmode = \"worktree\"\nref = \"no-such-branch\"\n");
  const Finished finished = site.berm({"run", "--policy", "policy.toml", "--", "true"});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("no-such-branch"), std::string::npos) << finished.err;
}

TEST_P(Mode, AWorktreeRunsNoFilterOfTheRepository) {
  site.shell("git config filter.evil.smudge 'touch " + site.root() +
             "/SMUDGED; cat' && git config core.hooksPath .hooks && mkdir .hooks && "
             "printf '#!/bin/sh\\ntouch " +
             site.root() +
             "/HOOKED\\n' > .hooks/post-checkout && chmod +x .hooks/post-checkout && "
             "echo '* filter=evil' > .gitattributes && git add . && git -c filter.evil.clean=cat "
             "commit -qm filters");
  const nlohmann::json report =
      site.run_script("cat src/main.c >/dev/null", {"--mode", "worktree"});
  EXPECT_EQ(report["code"], 0) << text_of(report);
  for (const char* trace : {"SMUDGED", "HOOKED"}) {
    EXPECT_EQ(site.shell("ls " + site.root() + "/" + trace + " 2>/dev/null || echo none"),
              "none\n");
  }
  site.shell("git checkout -q HEAD~0 -- . && rm src/main.c && git checkout src/main.c");
  EXPECT_NE(site.shell("ls " + site.root() + "/SMUDGED"), "")
      << "control: an ordinary checkout runs it";
}

TEST_P(Mode, ApplyingAWorktreeRunKeepsTheModesOfTheHost) {
  site.shell(
      "echo a > a && echo b > b && git add . && git commit -qm ab && chmod 600 a && chmod 755 b");
  ASSERT_EQ(site.run_script("echo 2 >> a", {"--mode", "worktree"})["code"], 0);
  ASSERT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_EQ(site.shell("stat -c %a a"), "600\n");
  ASSERT_EQ(site.run_script("echo 2 >> b", {"--mode", "worktree"})["code"], 0);
  EXPECT_NE(site.berm({"apply"}).code, 0) << "its executable bit is an uncommitted change";
  EXPECT_EQ(site.shell("stat -c %a b && cat b"), "755\nb\n");
}

TEST_P(Mode, WhatTheHostMovedInMeanwhileIsNotDeleted) {
  site.shell("mkdir conf && echo c > conf/c && git add . && git commit -qm conf");
  for (const char* mode : {"overlay", "clone"}) {
    SCOPED_TRACE(mode);
    const nlohmann::json report = site.run_script("echo n > n.txt; rm -r conf", {"--mode", mode});
    ASSERT_EQ(report["code"], 0) << text_of(report);
    // Older than the run, as somebody's thesis would be.
    site.shell(
        "sleep 0.02; mkdir -p ../home/thesis && echo years > ../home/thesis/t && touch -d '2 days "
        "ago' ../home/thesis/t && mv ../home/thesis thesis && mkdir -p ../home/x && echo y > "
        "../home/x/y && mv ../home/x conf/x");
    (void)site.berm({"apply"});
    EXPECT_EQ(site.read("thesis/t"), "years\n");
    EXPECT_EQ(site.read("conf/x/y"), "y\n");
    site.shell("rm -rf thesis conf n.txt && git checkout -q conf");
  }
}

TEST_P(Mode, ACopyLeavesOutWhatTheOwnerCannotRead) {
  if (::geteuid() != 0) BERM_SKIP_OR_FAIL("needs root to make a file of root's");
  const std::string owner = std::to_string(kUserId);
  (void)run_as(As::root, {"chown", "-R", owner + ":" + owner, site.repository()},
               site.environment(), "", "");
  (void)run_as(As::root,
               {"sh", "-c", "umask 077; echo SECRET > dbpass; mkdir data; echo SECRET > data/x"},
               site.environment(), site.repository(), "");
  const nlohmann::json report =
      site.run_script("cat dbpass data/x; echo n > n", {"--mode", "clone"});
  EXPECT_EQ(report["code"], 0) << text_of(report);
  EXPECT_EQ(report["stderr"].get<std::string>().find("SECRET"), std::string::npos)
      << text_of(report);
  EXPECT_EQ(report["changes"]["files"].size(), 1u)
      << "what was left out is not deleted: " << text_of(report);
}

TEST_P(Mode, ASparseGiantIsCopiedAsTheHoleItIs) {
  site.shell(
      "truncate -s 300G huge && printf end | dd of=huge bs=1 seek=1000000 conv=notrunc status=none "
      "&& printf 'huge\\n' >> .git/info/exclude");
  const nlohmann::json report = site.run_script(
      "stat -c %s huge; dd if=huge bs=1 skip=1000000 count=3 status=none; echo n > n",
      {"--mode", "clone"});
  EXPECT_EQ(report["stderr"], "322122547200\nend") << text_of(report);
}

TEST_P(Mode, WhatARunLeavesCanBeRemovedByHand) {
  ASSERT_EQ(site.run_script("mkdir -p a/b && echo n > a/b/n")["code"], 0);
  site.shell("rm -r ../state/berm");
}

TEST_P(Mode, DiscardLeavesNoCopyBehind) {
  ASSERT_EQ(site.run_script("echo n > n", {"--mode", "worktree"})["code"], 0);
  ASSERT_EQ(site.berm({"discard"}).code, 0);
  EXPECT_EQ(site.shell("ls " + site.root() + "/state/berm/runs/*/"),
            "attestation.json\nlock\nrecord.jsonl\nrun.json\n");
}

TEST_P(Mode, DirectIsRefusedToRootInHisOwnRepository) {
  if (GetParam() != As::root) return;  // the others are below
  const Finished finished = site.berm({"run", "--mode", "direct", "--", "touch", "live"});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("setuid"), std::string::npos) << finished.err;
  EXPECT_FALSE(site.has("live"));
}

// Somebody who owns his repository, as mode "direct" wants it.
class Direct : public testing::Test {
 protected:
  Site site{As::user};
};

TEST_F(Direct, WritesAreLiveAndReported) {
  site.shell("echo K=1 > .env && echo '*.o' > .gitignore");
  const nlohmann::json report = site.run_script(
      "echo live > live; echo 2 >> src/main.c; rm README.md; cat .env; echo $?; git status "
      "--short; rm -f .env; echo over > .env",
      {"--mode", "direct"});
  EXPECT_EQ(site.read("live"), "live\n");
  EXPECT_FALSE(site.has("README.md"));
  EXPECT_EQ(site.read(".env"), "K=1\n") << "covered: neither read nor removed";
  EXPECT_EQ(report["stderr"].get<std::string>().find("K=1"), std::string::npos) << text_of(report);
  std::string changed;
  for (const auto& file : report["changes"]["files"]) {
    changed += file["path"].get<std::string>() + " " + file["kind"].get<std::string>() + "\n";
  }
  EXPECT_EQ(changed, "README.md deleted\nlive added\nsrc/main.c modified\n") << text_of(report);
  EXPECT_NE(report.dump().find("writes are live"), std::string::npos);
  EXPECT_NE(site.berm({"diff", "--patch"}).out.find("+live"), std::string::npos);
  EXPECT_NE(site.berm({"apply"}).out.find("live already"), std::string::npos);
  EXPECT_NE(site.berm({"discard"}).out.find("stay as the run left them"), std::string::npos);
  EXPECT_EQ(site.read("live"), "live\n");
}

TEST_F(Direct, ASetuidProgramIsDisarmedWhenTheRunEnds) {
  const nlohmann::json report =
      site.run_script("cp /bin/true suid && chmod 6755 suid", {"--mode", "direct"});
  EXPECT_EQ(report["code"], 120) << text_of(report);
  EXPECT_EQ(site.shell("stat -c %a suid"), "755\n");
}

TEST_F(Direct, StillRefusesAnAttackAndKeepsTheGitDirectory) {
  const std::string config = site.read(".git/config");
  const nlohmann::json report = site.run_script(
      "mkdir -p .github/workflows && echo 'on: push' > .github/workflows/x.yml; git config alias.x "
      "'!evil'; echo '#!/bin/sh' > .git/hooks/pre-commit",
      {"--mode", "direct"});
  EXPECT_EQ(report["code"], 120) << text_of(report);
  EXPECT_EQ(site.read(".git/config"), config);
  EXPECT_FALSE(site.has(".git/hooks/pre-commit"));
}

// The workspace lies below something else that is mounted: the order of the mounts decides what the
// agent sees.
TEST_P(Mode, AWorkspaceBelowAnotherMountIsStillTheWorkspace) {
  const std::string outer = site.root() + "/outer";
  const std::string below = "/tmp/berm-below-" + name_of(GetParam());
  site.shell("echo K=1 > .env && mkdir " + outer + " && cp -a . " + outer + "/repo && rm -rf " +
             below + " && cp -a . " + below);
  site.write("policy.toml", "[files]\nwrite = [\"" + outer + "\"]\n");
  const auto run = [&](const std::string& directory, const std::vector<std::string>& options,
                       const std::string& script) {
    std::vector<std::string> arguments = {"run", "--json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", "sh", "-c", script});
    return site.berm({.arguments = arguments, .directory = directory});
  };
  for (int i = 0; i < 12; ++i) {
    const Finished read = run(outer + "/repo", {"--read", outer}, "cat README.md .env");
    ASSERT_NE(read.err.find("hello\n"), std::string::npos) << read.err;
    ASSERT_EQ(read.err.find("K=1"), std::string::npos) << read.err;
    const Finished write =
        run(outer + "/repo", {"--policy", site.repository() + "/policy.toml"}, "echo live > live");
    ASSERT_EQ(write.json()["changes"]["files"].size(), 1u) << write.out;
    ASSERT_EQ(site.shell("ls " + outer + "/repo/live 2>/dev/null || true"), "")
        << "it went past the workspace";
    const Finished in_tmp = run(below, {}, "cat README.md");
    ASSERT_EQ(in_tmp.err, "hello\n") << in_tmp.out;
  }
  site.shell("rm -rf " + below);
}

TEST_P(Mode, TheRecordCannotBeGranted) {
  const Finished finished = site.berm({"run", "--read", site.root(), "--", "true"});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("the record of this run lies in it"), std::string::npos)
      << finished.err;
}

TEST_P(Mode, ACloneOfALargeTreeIsNotItsAgentsDisk) {
  site.shell("head -c 3000000 /dev/zero > big && git add big && git commit -qm big");
  site.write("policy.toml", "[workspace]\nmode = \"clone\"\n[limits]\ndisk = \"2MiB\"\n");
  const nlohmann::json report = site.run_script("sleep 1.2", {"--policy", "policy.toml"});
  EXPECT_EQ(report["code"], 0) << text_of(report);
}

class Inner : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};

  // A superproject with a submodule in a folder, and a repository that simply lies in the tree.
  void make_inner() const {
    site.shell(
        "git init -q ../lib && cd ../lib && git -c user.name=l -c user.email=l@l commit -q "
        "--allow-empty -m lib0 && echo lib > lib.c && git add . && "
        "git -c user.name=l -c user.email=l@l commit -qm lib1");
    site.shell("git -c protocol.file.allow=always submodule add -q " + site.root() +
               "/lib third_party/lib && git commit -qm submodule && "
               "git -C third_party/lib config http.extraheader 'AUTHORIZATION: basic c2VjcmV0' && "
               "git init -q nested && cd nested && git config http.extraheader 'AUTHORIZATION: "
               "basic bmVzdGVk' && echo n > n && git add n && "
               "git -c user.name=n -c user.email=n@n commit -qm nested1");
  }
};
INSTANTIATE_TEST_SUITE_P(As, Inner, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Inner, SubmodulesAndNestedRepositoriesWorkInside) {
  make_inner();
  const nlohmann::json report = site.run_script(
      "set -e; git submodule status | cut -c1; cd third_party/lib; git log --format=%s; git status "
      "--short; echo 2 >> lib.c; git commit -qam inside; git log --format=%s | wc -l; "
      "cd ../../nested; git log --format=%s; git status --short; echo 2 >> n; git commit -qam "
      "inside; git fsck --no-dangling 2>&1; cd ..; git status --short");
  const std::string text = report["stderr"];
  EXPECT_EQ(text, " \nlib1\nlib0\n3\nnested1\n M third_party/lib\n?? nested/\n") << text_of(report);
  std::string noted;
  for (const auto& finding : report["findings"]) {
    noted += finding["rule"].get<std::string>() + " " + finding["path"].get<std::string>() + "\n";
  }
  EXPECT_EQ(noted, "inner-commits .git/modules/third_party/lib\ninner-commits nested/.git\n");
}

TEST_P(Inner, TheirConfigurationAndHooksStayOnTheirSide) {
  make_inner();
  const std::string before =
      site.shell("cat nested/.git/config .git/modules/third_party/lib/config");
  const nlohmann::json report = site.run_script(
      "cat nested/.git/config .git/modules/third_party/lib/config; git -C nested config --list; "
      "echo '#!/bin/sh' > nested/.git/hooks/pre-commit; "
      "git -C third_party/lib config core.fsmonitor evil; echo x > x");
  const std::string text = report["stderr"];
  for (const char* secret : {"c2VjcmV0", "bmVzdGVk"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << text;
  }
  EXPECT_EQ(report["code"], 0) << text_of(report);
  ASSERT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_EQ(site.shell("cat nested/.git/config .git/modules/third_party/lib/config"), before);
  EXPECT_FALSE(site.has("nested/.git/hooks/pre-commit"));
}

TEST_P(Inner, WithoutGitNoneOfThemIsThere) {
  make_inner();
  site.write("policy.toml", "[workspace]\ngit = \"none\"\n");
  const nlohmann::json report =
      site.run_script("ls -d .git nested/.git; cat nested/n", {"--policy", "policy.toml"});
  const std::string text = report["stderr"];
  EXPECT_NE(text.find("'.git': No such file"), std::string::npos) << text;
  EXPECT_NE(text.find("'nested/.git': No such file"), std::string::npos) << text;
}

TEST_P(Inner, OnlyHeadOfEachIsThereWhenAskedFor) {
  make_inner();
  site.write("policy.toml", "[workspace]\ngit = \"head\"\n");
  const nlohmann::json report =
      site.run_script("git -C third_party/lib log --format=%s; git -C nested status --short",
                      {"--policy", "policy.toml"});
  EXPECT_EQ(report["stderr"].get<std::string>().substr(0, 5), "lib1\n") << text_of(report);
  EXPECT_EQ(report["stderr"].get<std::string>().find("lib0"), std::string::npos) << text_of(report);
}

TEST_P(Inner, WhatOnlyLooksLikeAGitDirectoryIsHidden) {
  site.shell("mkdir -p odd/.git && echo token > odd/.git/config && echo o > odd/o");
  const nlohmann::json report = site.run_script("cat odd/o; cat odd/.git/config");
  EXPECT_EQ(report["stderr"].get<std::string>().find("token"), std::string::npos)
      << text_of(report);
  EXPECT_EQ(report["stderr"].get<std::string>().substr(0, 2), "o\n") << text_of(report);
}

TEST_P(Inner, OneThatBorrowsFromElsewhereIsHidden) {
  site.shell(
      "git init -q ../home/private && cd ../home/private && echo TOPSECRET > s && git add s && git "
      "-c user.name=p -c user.email=p@p commit -qm p");
  const std::string id = site.shell("git -C ../home/private rev-parse HEAD:s");
  site.shell("git init -q vendor && cd vendor && echo v > v && echo " + site.root() +
             "/home/private/.git/objects > .git/objects/info/alternates");
  const nlohmann::json report =
      site.run_script("cat vendor/v; git -C vendor cat-file blob " + id.substr(0, id.size() - 1) +
                      "; git cat-file blob " + id.substr(0, id.size() - 1) +
                      "; ls vendor/.git /run/berm/objects; true");
  EXPECT_EQ(report["stderr"].get<std::string>().find("TOPSECRET"), std::string::npos)
      << text_of(report);
  EXPECT_EQ(report["stderr"].get<std::string>().substr(0, 2), "v\n") << text_of(report);
  EXPECT_EQ(site.shell("git -C vendor cat-file blob " + id), "TOPSECRET\n")
      << "control: outside it reads the other's";
}

TEST_P(Inner, OddOnesNeitherStopNorStallARun) {
  site.shell(
      "mkdir -p fifo/.git/objects fifo/.git/refs link/.git/objects link/.git/refs && mkfifo "
      "fifo/.git/HEAD && ln -s refs/heads/x link/.git/HEAD && mkdir symlinked && ln -s "
      "../fifo/.git symlinked/.git && mkdir -p .git/modules/odd && ln -s /etc .git/modules/etc");
  const nlohmann::json report = site.run_script("ls -A fifo link; echo n > n");
  EXPECT_EQ(report["code"], 0) << text_of(report);
}

// git takes any directory with HEAD, objects and refs for a repository; a gitfile is enough to send
// it there.
TEST_P(Inner, AGitDirectoryUnderAnotherNameIsOneToTheGuard) {
  site.shell("git init -q x && mv x/.git x.gitdir && echo 'gitdir: ../x.gitdir' > x/.git");
  const nlohmann::json report =
      site.run_script("printf '[core]\\n\\tfsmonitor = \"touch " + site.root() +
                      "/PWNED; false\"\\n' >> x.gitdir/config");
  EXPECT_EQ(report["code"], 120) << text_of(report);
  EXPECT_NE(report["findings"].dump().find("git-directory"), std::string::npos) << text_of(report);
  EXPECT_NE(site.berm({"apply"}).code, 0);
}

TEST_P(Inner, TheyWorkInACloneAndInALiveTree) {
  make_inner();
  for (const char* mode : {"clone", "direct"}) {
    if (GetParam() == As::root && std::string(mode) == "direct") continue;  // refused to root
    const nlohmann::json report = site.run_script(
        "git -C third_party/lib log --format=%s | head -1; git -C nested log --format=%s; git -C "
        "nested config http.extraheader",
        {"--mode", mode});
    EXPECT_EQ(report["stderr"].get<std::string>().substr(0, 13), "lib1\nnested1\n")
        << mode << text_of(report);
    EXPECT_EQ(report["stderr"].get<std::string>().find("bmVzdGVk"), std::string::npos)
        << mode << text_of(report);
  }
}

}  // namespace
}  // namespace berm::test

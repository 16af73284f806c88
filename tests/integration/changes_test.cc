// tests/integration/changes_test.cc: diff, apply, discard and the guard, on a real repository.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "harness.h"

namespace berm::test {
namespace {

class ChangesOf : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};

  // The rules that refused, sorted and unique.
  [[nodiscard]] static std::vector<std::string> refused_by(const nlohmann::json& report) {
    std::vector<std::string> rules;
    for (const auto& finding : report["findings"]) {
      if (finding["severity"] == "refuse") rules.push_back(finding["rule"]);
    }
    std::ranges::sort(rules);
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    return rules;
  }
};
INSTANTIATE_TEST_SUITE_P(As, ChangesOf, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });
using Rules = std::vector<std::string>;

TEST_P(ChangesOf, AreImportedAllAtOnce) {
  site.write("old/dir/a.txt", "a\n");
  site.write("tool.sh", "#!/bin/sh\n");
  site.shell("git add . && git commit -qm more");
  const nlohmann::json report = site.run_script(
      "echo more >> README.md; mkdir -p new/deep; echo n > new/deep/f; rm -r old; chmod +x "
      "tool.sh; ln -s README.md link");
  ASSERT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_EQ(site.read("README.md"), "hello\n") << "nothing reaches the host before apply";
  const Finished applied = site.berm({"apply", "--json"});
  ASSERT_EQ(applied.code, 0) << applied.err;
  EXPECT_EQ(site.read("README.md"), "hello\nmore\n");
  EXPECT_EQ(site.read("new/deep/f"), "n\n");
  EXPECT_FALSE(site.has("old")) << "an emptied directory goes";
  EXPECT_TRUE(std::filesystem::is_symlink(site.repository() + "/link"));
  EXPECT_EQ(site.shell("git status --short"),
            " M README.md\n D old/dir/a.txt\n M tool.sh\n?? link\n?? new/\n");
  struct stat status {};
  ::stat((site.repository() + "/new/deep/f").c_str(), &status);
  EXPECT_EQ(status.st_uid, GetParam() == As::root ? 0U : (::geteuid() == 0 ? kUserId : ::geteuid()))
      << "the owner of the repository";
}

TEST_P(ChangesOf, ThePatchIsTheSameChange) {
  ASSERT_EQ(site.run_script("echo more >> README.md; printf 'a\\0b' > bin.dat; mkdir n; echo n > "
                            "n/f; rm src/main.c; ln -s README.md link; chmod +x README.md")["code"],
            0);
  const Finished patch = site.berm({"diff", "--patch"});
  ASSERT_EQ(patch.code, 0) << patch.err;
  std::ofstream(site.root() + "/p.patch") << patch.out;
  site.shell("git apply --check ../p.patch && git apply ../p.patch");
  EXPECT_EQ(site.read("README.md"), "hello\nmore\n");
  EXPECT_EQ(site.read("bin.dat"), std::string("a\0b", 3));
  EXPECT_FALSE(site.has("src/main.c"));
}

TEST_P(ChangesOf, EachAttackIsRefusedByItsRule) {
  const struct {
    const char* script;
    Rules rules;
  } kCases[] = {
      {"mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml", {"protected-file"}},
      {"mkdir -p sub/.git/hooks; echo evil > sub/.git/hooks/post-checkout", {"git-directory"}},
      {"echo '[submodule \"x\"]' > .gitmodules", {"protected-file", "submodule"}},
      {"echo 'k = \"AKIAABCDEFGHIJKLMNOP\"' > src/k.c", {"credential"}},
      {"cp /bin/true src/t; chmod 4755 src/t", {"binary", "special-mode"}},
      {"mkfifo src/pipe", {"special-file"}},
      {"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"src/s\")'",
       {"special-file"}},
      {"echo x > src/a; ln src/a src/b", {"hard-link"}},
      {"ln -s /etc/passwd src/l", {"escaping-symlink"}},
      {"ln -s ../../.. src/l", {"escaping-symlink"}},
      {"echo x > readme.md", {"case-collision"}},
      {"printf 'a\\342\\200\\256b\\n' > src/bidi.c", {"hidden-unicode"}},
      {"touch \"$(printf 'src/a\\nb')\"", {"file-name"}},
      {"i=0; while [ $i -lt 201 ]; do echo $i > src/f$i; i=$((i+1)); done", {"too-many-files"}},
      {"head -c 9M /dev/zero | tr '\\0' 'x' > src/big", {"too-large"}},
      {"rm -rf src; ln -s /tmp src", {"escaping-symlink"}},
  };
  for (const auto& [script, rules] : kCases) {
    SCOPED_TRACE(script);
    const nlohmann::json report = site.run_script(script);
    EXPECT_EQ(report["code"], 120) << report.dump(1);
    EXPECT_EQ(refused_by(report), rules) << report["findings"].dump(1);
    const Finished applied = site.berm({"apply"});
    EXPECT_EQ(applied.code, 120) << "apply judges again";
  }
  EXPECT_EQ(site.shell("git status --short"), "") << "the host never changed";
}

TEST_P(ChangesOf, IgnoredFilesAreSeenButNeverImported) {
  const nlohmann::json report = site.run_script(
      "mkdir build; cp /bin/true build/prog; echo x > a.log; echo '*' > .gitignore2; echo ok > "
      "src/ok.c");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  int ignored = 0;
  for (const auto& file : report["changes"]["files"]) {
    ignored += file["ignored"].get<bool>() ? 1 : 0;
  }
  EXPECT_EQ(ignored, 2);
  ASSERT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_FALSE(site.has("build"));
  EXPECT_TRUE(site.has("src/ok.c"));
}

TEST_P(ChangesOf, AnAgentCannotIgnoreItsOwnFilesAway) {
  const nlohmann::json report = site.run_script(
      "echo 'hook*' >> .gitignore; mkdir -p .github/workflows; echo '.github/' >> .gitignore; echo "
      "'on: push' > .github/workflows/hook.yml");
  EXPECT_EQ(report["code"], 120);
  EXPECT_EQ(refused_by(report), Rules{"protected-file"});
}

TEST_P(ChangesOf, ContentBehindClosedModesIsStillRead) {
  const nlohmann::json report = site.run_script(
      "mkdir src/d; echo 'AKIAABCDEFGHIJKLMNOP' > src/d/k; chmod 000 src/d/k; chmod 000 src/d");
  EXPECT_EQ(refused_by(report), Rules{"credential"}) << report.dump(1);
}

TEST_P(ChangesOf, WhatTheHostChangedMeanwhileIsNotOverwritten) {
  ASSERT_EQ(site.run_script("echo agent >> README.md; echo x > src/x.c")["code"], 0);
  site.write("README.md", "host\n");
  const Finished applied = site.berm({"apply"});
  EXPECT_EQ(applied.code, 125);
  EXPECT_NE(applied.err.find("README.md"), std::string::npos) << applied.err;
  EXPECT_EQ(site.read("README.md"), "host\n");
  EXPECT_FALSE(site.has("src/x.c")) << "all or nothing";
  EXPECT_EQ(site.berm({"apply", "--paths", "src/**"}).code, 0);
  EXPECT_TRUE(site.has("src/x.c"));
}

TEST_P(ChangesOf, AJournalInTheWorkingTreeIsOnlyAFile) {
  // An order to plant a hook, in the form of an interrupted import.
  const std::string hook = "2e6769742f686f6f6b732f7072652d636f6d6d6974";  // .git/hooks/pre-commit
  ASSERT_EQ(
      site.run_script(
          "mkdir -p .berm-import-x/new .berm-import-x/old berm-import-y/old; echo k > "
          ".berm-import-x/new/k; echo evil > .berm-import-x/old/0; "
          "echo '[{\"path\":\"" +
          hook +
          "\",\"had\":true,\"gets\":false}]' | tee .berm-import-x/journal > berm-import-y/journal")
          ["code"],
      0);
  EXPECT_EQ(site.berm({"apply"}).code, 0);
  ASSERT_EQ(site.run_script("echo more > more")["code"], 0);
  EXPECT_EQ(site.berm({"apply"}).code, 0);
  EXPECT_FALSE(site.has(".git/hooks/pre-commit"));
}

TEST_P(ChangesOf, AnotherRepositoryUnderTheSameNameIsAnotherBaseline) {
  ASSERT_EQ(site.run_script("echo x > src/x.c")["code"], 0);
  site.shell("mv ../repo ../moved && git init -q ../repo");
  EXPECT_EQ(site.berm({"apply"}).code, 125);
  EXPECT_FALSE(site.has("src/x.c"));
}

TEST_P(ChangesOf, AKilledImportIsRolledBackByTheNext) {
  ASSERT_EQ(site.run_script(
                "for i in $(seq 100); do echo $i > src/f$i; done; echo agent > README.md")["code"],
            0);
  // As a crash in the middle leaves it: one file moved aside, one put in place, the journal
  // written.
  site.shell(
      "s=.git/berm-import-r-0; mkdir -p $s/new $s/old && cp README.md $s/old/0 && echo agent > "
      "README.md && echo half > src/half.c && "
      "printf "
      "'[{\"path\":\"524541444d452e6d64\",\"had\":true,\"gets\":true,\"sha256\":\"%s\"},{\"path\":"
      "\"7372632f68616c662e63\",\"had\":false,\"gets\":true,\"sha256\":\"%s\"}]' "
      "$(sha256sum < README.md | cut -d' ' -f1) $(sha256sum < src/half.c | cut -d' ' -f1) > "
      "$s/journal");
  const Finished next = site.berm({"apply", "--paths", "src/f1"});
  EXPECT_FALSE(site.has("src/half.c")) << next.err;
  EXPECT_EQ(site.read("README.md"), "hello\n");
  EXPECT_FALSE(site.has(".git/berm-import-r-0"));
}

TEST_P(ChangesOf, ALinkPutInTheWayOnTheHostIsNotFollowed) {
  ASSERT_EQ(site.run_script("mkdir out; echo x > out/f")["code"], 0);
  site.shell("mkdir ../outside && ln -s ../outside out");
  EXPECT_NE(site.berm({"apply"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(site.root() + "/outside/f"));
}

TEST_P(ChangesOf, DiscardDropsTheChangesAndKeepsTheRecord) {
  ASSERT_EQ(site.run_script("echo x > src/x.c")["code"], 0);
  EXPECT_EQ(site.berm({"discard"}).code, 0);
  EXPECT_NE(site.berm({"apply"}).code, 0);
  EXPECT_EQ(site.berm({"verify"}).code, 0);
}

TEST_P(ChangesOf, OnSuccessDoesWhatItSays) {
  EXPECT_EQ(site.run_script("echo x > src/x.c", {"--on-success", "apply"})["code"], 0);
  EXPECT_TRUE(site.has("src/x.c"));
  EXPECT_EQ(site.run_script("echo y > src/y.c", {"--on-success", "branch:agent/y"})["code"], 0);
  EXPECT_FALSE(site.has("src/y.c"));
  EXPECT_EQ(site.shell("git show agent/y:src/y.c"), "y\n");
  EXPECT_EQ(site.run_script("echo z > src/z.c", {"--on-success", "patch:../z.patch"})["code"], 0);
  site.shell("git apply --check ../z.patch");
  const nlohmann::json refused = site.run_script("ln -s /etc src/evil", {"--on-success", "apply"});
  EXPECT_EQ(refused["code"], 120);
  EXPECT_FALSE(site.has("src/evil"));
}

TEST_P(ChangesOf, AMissingBaselineRefuses) {
  ASSERT_EQ(site.run_script("echo x > src/x.c")["code"], 0);
  const nlohmann::json runs = site.berm({"runs", "--json"}).json();
  std::ofstream(runs["runs"][0]["directory"].get<std::string>() + "/run.json")
      << "{\"repository\": \"" << site.repository() << "\"}";
  EXPECT_EQ(site.berm({"apply"}).code, 125);
  EXPECT_FALSE(site.has("src/x.c"));
}

TEST_P(ChangesOf, HostileNamesAreEscapedEverywhere) {
  ASSERT_EQ(site.run_script(
                "touch \"$(printf 'src/\\033]0;evil\\007')\" \"$(printf 'src/\\377')\"")["code"],
            120);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"diff"}, {"diff", "--stat"}, {"show"}, {"log"}, {"apply"}}) {
    const Finished finished = site.berm(command);
    EXPECT_EQ((finished.out + finished.err).find('\x1b'), std::string::npos) << command[0];
  }
  EXPECT_TRUE(site.berm({"diff", "--json"}).json().is_object()) << "valid JSON whatever the bytes";
}

}  // namespace
}  // namespace berm::test

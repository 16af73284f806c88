#include "workspace/git_config.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berm {
namespace {

TEST(GitConfig, ReadsWhatGitReads) {
  const std::vector<GitSetting> settings = parse_git_config(
      "[core]\n\tfileMode = true ; comment\n\tbare\n[remote \"origin\"]\n  url = "
      "\"https://x/#y\"\n[a \"b\\\"c\"]\n k = one \\\n two  \n[old.Sub]\nkey=1\n");
  const std::vector<GitSetting> expected = {{"core.filemode", "true"},
                                            {"core.bare", "true"},
                                            {"remote.origin.url", "https://x/#y"},
                                            {"a.b\"c.k", "one  two"},
                                            {"old.sub.key", "1"}};
  EXPECT_EQ(settings, expected);
}

TEST(GitConfig, BrokenFilesEndTheParseQuietly) {
  for (const char* text :
       {"[core", "[core]\nkey = \"open\n", "key = 1\n", "[a]\nk = \\x\n", "\xff\xff"}) {
    (void)parse_git_config(text);
  }
  EXPECT_EQ(parse_git_config("[core]\nfilemode = true\n???\nbare = true\n").size(), 1U);
}

TEST(GitConfig, NothingThatExecutesIsSafe) {
  for (const char* name : {"core.hookspath",
                           "core.fsmonitor",
                           "core.sshcommand",
                           "core.pager",
                           "core.editor",
                           "core.worktree",
                           "core.attributesfile",
                           "core.gitproxy",
                           "alias.st",
                           "filter.lfs.smudge",
                           "filter.x.process",
                           "diff.x.textconv",
                           "diff.external",
                           "merge.x.driver",
                           "credential.helper",
                           "http.extraheader",
                           "http.https://github.com/.extraheader",
                           "include.path",
                           "includeif.gitdir:/.path",
                           "url.git@x:.insteadof",
                           "gpg.program",
                           "remote.origin.uploadpack",
                           "remote.origin.receivepack",
                           "remote.origin.proxy",
                           "remote.origin.vcs",
                           "submodule.x.update",
                           "uploadpack.packobjectshook",
                           "sequence.editor",
                           "pager.log"}) {
    EXPECT_FALSE(is_safe_git_setting({name, "x"})) << name;
  }
  EXPECT_TRUE(is_safe_git_setting({"branch.main.merge", "refs/heads/main"}));
}

TEST(GitConfig, UrlsLoseTheirCredentials) {
  EXPECT_EQ(without_credentials("https://user:token@github.com/a/b"), "https://github.com/a/b");
  EXPECT_EQ(without_credentials("https://x-access-token:ghs_1@github.com/a"),
            "https://github.com/a");
  EXPECT_EQ(without_credentials("ssh://git:pw@host/a"), "ssh://git@host/a");
  EXPECT_EQ(without_credentials("git@host:a/b.git"), "git@host:a/b.git");
  EXPECT_EQ(without_credentials("ext::sh -c evil"), "");
  EXPECT_EQ(without_credentials("fd::17"), "");
}

TEST(GitConfig, WritesWhatItReads) {
  const std::vector<GitSetting> settings = {{"user.name", "A \"B\" \\ C # not a comment"},
                                            {"branch.we\"ird.merge", "refs/heads/x"},
                                            {"core.eol", "lf"}};
  EXPECT_EQ(parse_git_config(to_git_config(settings)), settings);
}

// Inputs that a fuzzer found.
TEST(GitConfig, ALineThatGitRefusesEndsTheParse) {
  for (const char* text :
       {"[a \"b\\\nc\"]\nk=v\n", "[a \"b\nc\"]\nk=v\n", "[a \"", "[a \"b\\", "["}) {
    EXPECT_TRUE(parse_git_config(text).empty()) << text;
  }
}

}  // namespace
}  // namespace berm

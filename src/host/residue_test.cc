#include "host/residue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "host/residue/look.h"
#include "host/residue_test_support.h"

namespace berm {
namespace {

TEST_F(ResidueTest, FindsEachClassAndNothingInACleanHome) {
  EXPECT_TRUE(find().found.empty());
  for (const char* file :
       {"home/.claude/.credentials.json", "home/.claude/projects/-w/a.jsonl",
        "home/.claude/history.jsonl", "home/.codex/auth.json", "home/.gemini/oauth_creds.json",
        "home/.local/share/opencode/auth.json", "home/.config/anthropic/credentials/default.json",
        "home/.cache/huggingface/token", "work/gha-creds-0a1b.json"}) {
    put(file);
  }
  put("home/.netrc", "machine github.com login x\n  password " + kSecret);
  put("home/.git-credentials", "https://x:" + kSecret + "@github.com\n");
  put("home/.docker/config.json", R"({"auths":{"ghcr.io":{"auth":")" + kSecret + "\"}}}");
  put("home/.claude.json", R"({"oauthAccount":{"emailAddress":"a@example.com"}})");
  EXPECT_EQ(kinds(), (std::vector<std::string>{"claude-login", "claude-state", "claude-transcripts",
                                               "claude-history", "codex-login", "gemini-login",
                                               "opencode-login", "anthropic-login",
                                               "huggingface-token", "git-credentials", "netrc",
                                               "docker-login", "gcp-credentials"}));
}

TEST_F(ResidueTest, FilesThatHoldNoCredentialAreNone) {
  put("home/.docker/config.json", R"({"auths":{"ghcr.io":{}},"credHelpers":{"ghcr.io":"pass"}})");
  put("home/.claude.json", R"({"numStartups":3,"mcpServers":{"a":{"command":"x"}}})");
  put("home/.netrc", "machine example.com login x\n# password none\n");
  put("home/.git-credentials", "\n");
  put("home/.bash_history", "ls\n");
  put("home/.gitconfig", "[user]\n\tname = A\n[remote \"o\"]\n\turl = ssh://git@host/x\n");
  put("work/src/gha-creds-x.json");  // in a directory of its own: somebody's test data
  put("home/.claude/settings.json");
  EXPECT_EQ(kinds(), std::vector<std::string>());
}

TEST_F(ResidueTest, NeverReturnsASecret) {
  put("home/.bash_history", "curl -H 'Authorization: token " + kSecret + "' x\nls\n");
  put("home/.gitconfig", "[url \"https://x:" + kSecret +
                             "@github.com/\"]\n\tinsteadOf = git@github.com:\n" +
                             "[remote \"a\"]\n\turl = https://x:" + kSecret + "@github.com/a\n");
  put("home/.netrc", "password " + kSecret);
  const ResidueReport report = find();
  ASSERT_EQ(report.found.size(), 4U);
  for (const Residue& residue : report.found) {
    for (const std::string& text : {residue.path, residue.what, residue.how, residue.relative,
                                    fmt::format("{}", fmt::join(residue.settings, " "))}) {
      EXPECT_EQ(text.find(kSecret), std::string::npos) << residue.kind;
    }
  }
  EXPECT_NE(only("shell-history").what.find("1 line (GitHub token)"), std::string::npos);
}

TEST_F(ResidueTest, RemovesATreeAndTellsHowMuch) {
  put("home/.claude/debug/a/b.txt", "12345");
  put("home/.claude/debug/c.txt", "678");
  put("home/.claude/settings.json");
  days_later(3);
  const Residue residue = only("claude-debug");
  EXPECT_EQ(residue.remedy, Remedy::automatic);
  EXPECT_EQ(residue.size, 8U);
  EXPECT_EQ(residue.age_days, 3);
  const auto removal = remove_residue(residue);
  ASSERT_TRUE(removal) << render(removal.error());
  EXPECT_EQ(removal->entries, 4U);
  EXPECT_EQ(removal->bytes, 8U);
  EXPECT_FALSE(there("home/.claude/debug"));
  EXPECT_TRUE(there("home/.claude/settings.json"));
}

TEST_F(ResidueTest, WhatMayBeInUseIsNotRemovedByItself) {
  put("home/.claude/debug/a.txt");
  EXPECT_EQ(only("claude-debug").remedy, Remedy::on_request);
  ASSERT_TRUE(make_directories(base_ + "/tmp/claude-1000"));
  const UniqueFd server = listen("tmp/claude-1000/x.sock");
  days_later(30);
  const Residue residue = only("claude-temp");
  EXPECT_EQ(residue.remedy, Remedy::by_hand);
  EXPECT_FALSE(remove_residue(residue));
  EXPECT_TRUE(there("tmp/claude-1000/x.sock"));
}

TEST_F(ResidueTest, OnlySocketsThatNobodyServesAreResidue) {
  for (const char* directory : {"/tmp/cc-socks", "/tmp/ssh-aBc"}) {
    ASSERT_TRUE(make_directories(base_ + directory));
  }
  const UniqueFd alive = listen("tmp/cc-socks/1.sock");
  listen("tmp/cc-socks/2.sock").reset();
  listen("tmp/ssh-aBc/agent.7").reset();
  put("tmp/ssh-aBc/agent.file");
  const Residue dead = only("claude-socket");
  EXPECT_EQ(dead.relative, "cc-socks/2.sock");
  EXPECT_TRUE(remove_residue(dead));
  EXPECT_TRUE(remove_residue(only("ssh-agent-socket")));
  EXPECT_TRUE(there("tmp/cc-socks/1.sock") && there("tmp/ssh-aBc/agent.file"));
  EXPECT_FALSE(there("tmp/cc-socks/2.sock") || there("tmp/ssh-aBc/agent.7"));
}

TEST_F(ResidueTest, ALinkPlantedInPlaceOfAFindIsNotFollowed) {
  put("work/gha-creds-1.json");
  put("home/precious", "keep me");
  const Residue file = only("gcp-credentials");
  ASSERT_EQ(::unlink((base_ + "/work/gha-creds-1.json").c_str()), 0);
  ASSERT_EQ(
      ::symlink((base_ + "/home/precious").c_str(), (base_ + "/work/gha-creds-1.json").c_str()), 0);
  const auto removal = remove_residue(file);
  ASSERT_FALSE(removal);
  EXPECT_EQ(removal.error().code, Errc::denied);
  EXPECT_EQ(content("home/precious"), "keep me");
  EXPECT_TRUE(there("work/gha-creds-1.json"));
}

TEST_F(ResidueTest, ALinkPlantedOnTheWayIsNotFollowed) {
  put("home/.claude/debug/a");
  put("home/other/debug/a");
  days_later(2);
  const Residue tree = only("claude-debug");
  ASSERT_EQ(::rename((base_ + "/home/.claude").c_str(), (base_ + "/home/moved").c_str()), 0);
  ASSERT_EQ(::symlink("other", (base_ + "/home/.claude").c_str()), 0);
  EXPECT_FALSE(remove_residue(tree));
  EXPECT_TRUE(there("home/other/debug/a") && there("home/moved/debug/a"));
  // Nor is it looked through; that is said.
  const ResidueReport report = find();
  EXPECT_TRUE(report.found.empty());
  EXPECT_TRUE(std::ranges::any_of(report.not_looked_at, [](const std::string& note) {
    return note.find(".claude: a link") != std::string::npos;
  }));
}

TEST_F(ResidueTest, ALinkInsideATreeGoesAndItsTargetStays) {
  put("home/precious/file");
  put("home/.claude/debug/a");
  ASSERT_EQ(::symlink("../../precious", (base_ + "/home/.claude/debug/link").c_str()), 0);
  ASSERT_EQ(::symlink("loop", (base_ + "/home/.claude/debug/loop").c_str()), 0);
  days_later(2);
  EXPECT_TRUE(remove_residue(only("claude-debug")));
  EXPECT_FALSE(there("home/.claude/debug"));
  EXPECT_TRUE(there("home/precious/file"));
}

TEST_F(ResidueTest, WhatChangedSinceIsNotRemoved) {
  put("home/.codex/auth.json", "old");
  const Residue residue = only("codex-login");
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, residue.path.c_str(), times, 0), 0);
  EXPECT_FALSE(remove_residue(residue));
  EXPECT_TRUE(there("home/.codex/auth.json"));
}

TEST_F(ResidueTest, WhatIsLeftToTheUserIsNotRemoved) {
  put("home/.netrc", "password x");
  EXPECT_FALSE(remove_residue(only("netrc")));
  EXPECT_TRUE(there("home/.netrc"));
}

// As root another owner can be made; else a file of root's is one. Either way the refusal has to
// come from us (denied), not from the kernel.
TEST_F(ResidueTest, AnotherUsersFileIsNotRemoved) {
  if (::geteuid() == 0) {
    put("home/.claude/debug/mine");
    put("home/.claude/debug/theirs");
    put("work/gha-creds-1.json");
    days_later(2);
    const Residue tree = only("claude-debug");
    Residue file = only("gcp-credentials");
    ASSERT_EQ(::chown((base_ + "/home/.claude/debug/theirs").c_str(), 12345, 12345), 0);
    ASSERT_EQ(::chown((base_ + "/work/gha-creds-1.json").c_str(), 12345, 12345), 0);
    EXPECT_EQ(only("claude-debug").remedy, Remedy::by_hand);
    EXPECT_EQ(only("gcp-credentials").remedy, Remedy::by_hand);
    EXPECT_FALSE(remove_residue(tree));
    file.identity.uid = 12345;  // found after the owner changed
    EXPECT_FALSE(remove_residue(file));
    EXPECT_TRUE(there("home/.claude/debug/mine") && there("home/.claude/debug/theirs"));
    EXPECT_TRUE(there("work/gha-creds-1.json"));
    return;
  }
  const auto etc = open_file("/etc", O_PATH | O_DIRECTORY);
  ASSERT_TRUE(etc);
  const auto found = residue::look_at(etc->get(), "passwd");
  ASSERT_TRUE(found);
  const auto removal = remove_residue({.path = "/etc/passwd",
                                       .remedy = Remedy::automatic,
                                       .root = "/etc",
                                       .relative = "passwd",
                                       .identity = found->identity});
  ASSERT_FALSE(removal);
  EXPECT_EQ(removal.error().code, Errc::denied);
}

TEST_F(ResidueTest, HostileObjectsNeitherBlockNorBreakTheSearch) {
  ASSERT_TRUE(make_directories(base_ + "/home/.docker"));
  ASSERT_EQ(::mkfifo((base_ + "/home/.docker/config.json").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((base_ + "/home/.netrc").c_str(), 0600), 0);
  ASSERT_EQ(::symlink(".bash_history", (base_ + "/home/.bash_history").c_str()), 0);
  ASSERT_TRUE(make_directories(base_ + "/home/.zsh_history"));
  put("home/.claude.json", std::string(1 << 20, '['));
  put("home/.gitconfig", "[core\n\x1b]0;x");
  put("work/gha-creds-\n\x1b[2J.json");
  std::string deep = base_ + "/home/.claude/debug";
  for (int i = 0; i < 60; ++i) deep += "/d";
  ASSERT_TRUE(make_directories(deep));
  days_later(2);
  const Residue tree = only("claude-debug");
  EXPECT_EQ(tree.remedy, Remedy::by_hand);
  EXPECT_EQ(only("claude-state").remedy, Remedy::by_hand);
  EXPECT_TRUE(remove_residue(only("gcp-credentials")));
  for (const std::string& note : find().not_looked_at) EXPECT_EQ(note, printable(note));
}

TEST_F(ResidueTest, TheLastMebibyteOfALongHistoryIsRead) {
  put("home/.bash_history", std::string(3 << 20, '\n') + "export T=" + kSecret + "\n");
  EXPECT_EQ(only("shell-history").remedy, Remedy::by_hand);
}

TEST_F(ResidueTest, DockersHistoryIsAskedWithoutTheUsersConfiguration) {
  const std::string image = "sha256:" + std::string(64, 'a');
  put("bin/docker",
      "#!/bin/sh\nenv > " + base_ + "/env\ncase $1 in\nimage) echo " + image +
          "; echo '--evil';;\nhistory) echo 'RUN ls'; echo 'ENV T=" + kSecret + "';;\nesac\n",
      0700);
  const Residue residue = only("docker-history");
  EXPECT_EQ(residue.path, "docker image sha256:aaaaaaaaaaaa");
  EXPECT_NE(residue.what.find("GitHub token"), std::string::npos);
  EXPECT_EQ(residue.what.find(kSecret), std::string::npos);
  EXPECT_FALSE(remove_residue(residue));
  EXPECT_NE(content("env").find("DOCKER_CONFIG=/nonexistent"), std::string::npos);
  EXPECT_NE(content("env").find("HOME=/nonexistent"), std::string::npos);
}

TEST_F(ResidueTest, ADockerThatIsAbsentFailsOrHangsIsSaid) {
  const auto note = [&] {
    const ResidueReport report = find();
    EXPECT_TRUE(report.found.empty());
    EXPECT_EQ(report.not_looked_at.size(), 1U);
    return report.not_looked_at.empty() ? "" : report.not_looked_at[0];
  };
  EXPECT_NE(note().find("docker is not installed"), std::string::npos);
  put("bin/docker", "#!/bin/sh\nexit 1\n", 0700);
  EXPECT_NE(note().find("ask docker (exit 1)"), std::string::npos);
  put("bin/docker", "#!/bin/sh\nexec sleep 1000\n", 0700);
  search_.docker_patience = std::chrono::milliseconds(50);
  EXPECT_NE(note().find("it took more than"), std::string::npos);
}

}  // namespace
}  // namespace berm

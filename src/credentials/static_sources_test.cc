#include <gtest/gtest.h>

#include "credentials/issuers_test_support.h"

namespace berm {
namespace {

using test::Scratch;
using test::Variable;

using StaticSources = test::Providers;

TEST_F(StaticSources, AVariableIsReadAndAMissingOneSaysWhatToExport) {
  const Variable variable("TEST_KEY", "value of key");
  EXPECT_EQ(value_of({.name = "a", .from = "env:TEST_KEY"}), "value of key");
  EXPECT_NE(value_of({.name = "a", .from = "env:TEST_NONE"}).find("export TEST_NONE"),
            std::string::npos);
}

TEST_F(StaticSources, AValueThatWouldBeASecondHeaderIsRefused) {
  for (const char* bad : {"a\nX-Evil: b", "a\rb", "a\tb", "\x7f", "a\x1b[0m", " a", "\xc3\xa4"}) {
    const Variable variable("TEST_KEY", bad);
    EXPECT_NE(value_of({.name = "a", .from = "env:TEST_KEY"}).find("a header must not have"),
              std::string::npos);
  }
  const Variable variable("TEST_KEY", "one line\r\n");
  EXPECT_EQ(value_of({.name = "a", .from = "env:TEST_KEY"}), "one line");
}

TEST_F(StaticSources, AFileThatOthersCouldReadOrChangeIsRefused) {
  const Scratch scratch;
  const std::string path = scratch.file("key", "from-a-file\n");
  const CredentialSource source{.name = "a", .from = "file:" + path};
  for (const mode_t mode : {0600U, 0400U}) {
    ::chmod(path.c_str(), mode);
    EXPECT_EQ(value_of(source), "from-a-file");
  }
  for (const mode_t mode : {0640U, 0604U, 0620U, 0601U, 04600U}) {
    ::chmod(path.c_str(), mode);
    EXPECT_NE(value_of(source).find("chmod 600"), std::string::npos) << mode;
  }
  ::chmod(path.c_str(), 0600);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 4711, 4711), 0);
    EXPECT_NE(value_of(source).find("belongs to user 4711"), std::string::npos);
  }
}

TEST_F(StaticSources, ALinkADirectoryAndAFifoAreNoKeyFiles) {
  const Scratch scratch;
  const std::string path = scratch.file("key", "value");
  ASSERT_EQ(::symlink(path.c_str(), scratch.at("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(scratch.at("fifo").c_str(), 0600), 0);
  for (const char* name : {"link", "fifo", "none"}) {
    EXPECT_FALSE(minted({.name = "a", .from = "file:" + scratch.at(name)})) << name;
  }
  EXPECT_FALSE(minted({.name = "a", .from = "file:/tmp"}));
}

TEST_F(StaticSources, ACommandIsRunWithoutAShellAndItsFirstLineCounts) {
  EXPECT_EQ(value_of({.name = "a", .from = "command:printf $HOME;%s\\n2 x"}), "$HOME;x");
  EXPECT_EQ(value_of({.name = "a", .from = "command:printf a\\nb"}), "a");
}

TEST_F(StaticSources, ACommandSeesOnlyTheVariablesThatItIsGiven) {
  const Variable secret("OTHER_SECRET", "1");
  const Variable given("TEST_GIVEN", "1");
  const Scratch scratch;
  const std::string script =
      scratch.file("s", "#!/bin/sh\necho \"<$OTHER_SECRET><$TEST_GIVEN>\"\n");
  ::chmod(script.c_str(), 0700);
  EXPECT_EQ(value_of({.name = "a", .from = "command:" + script, .with = {{"env", "TEST_GIVEN"}}}),
            "<><1>");
}

TEST_F(StaticSources, ACommandThatFailsShowsItsWordsEscaped) {
  const Scratch scratch;
  const std::string script =
      scratch.file("s", "#!/bin/sh\nprintf 'no\\033]0;owned\\007 key' >&2\nexit 3\n");
  ::chmod(script.c_str(), 0700);
  const std::string said = value_of({.name = "a", .from = "command:" + script});
  EXPECT_NE(said.find("code 3: 'no\\e]0;owned"), std::string::npos) << said;
  EXPECT_EQ(said.find('\x1b'), std::string::npos);
  EXPECT_NE(value_of({.name = "a", .from = "command:true"}).find("says nothing"),
            std::string::npos);
  EXPECT_NE(value_of({.name = "a", .from = "command:/no/such"}).find("no such program"),
            std::string::npos);
}

TEST_F(StaticSources, AKeyringIsAskedBySecretTool) {
  const Scratch scratch;
  const std::string tool = scratch.file(
      "secret-tool",
      "#!/bin/sh\n[ \"$*\" = 'lookup service berm user me' ] && printf from-keyring\n");
  ::chmod(tool.c_str(), 0700);
  const CredentialSource source{.name = "a", .from = "keyring:service=berm user=me"};
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", (scratch.at("") + ":" + path).c_str(), 1);
  EXPECT_EQ(value_of(source), "from-keyring");
  ::setenv("PATH", "/nowhere", 1);
  EXPECT_NE(value_of(source).find("libsecret-tools"), std::string::npos);
  ::setenv("PATH", path.c_str(), 1);
}

TEST_F(StaticSources, AFileOlderThanItsLimitIsRefused) {
  const Scratch scratch;
  const std::string path = scratch.file("key", "value");
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  CredentialSource source{.name = "a", .from = "file:" + path};
  EXPECT_TRUE(minted(source));
  source.max_age = Milliseconds(86'400'000);
  EXPECT_NE(value_of(source).find("days old (file), and max_age is"), std::string::npos);
  source.issued = to_text(wall_now());  // the declared date counts before the file's
  EXPECT_TRUE(minted(source));
}

}  // namespace
}  // namespace berm

// tests/tools/ask_test.cc: somebody sits at the terminal, and is asked; in CI nobody is.
#include <gtest/gtest.h>

#include <fstream>

#include "harness.h"

namespace berm::test {
namespace {

class Ask : public testing::TestWithParam<As> {
 protected:
  // A run of `script` at a terminal, whose questions are answered with `keys`.
  std::string at_terminal(const std::string& keys, const std::string& script,
                          const std::vector<std::string>& options = {}) {
    std::vector<std::string> argv = {"/usr/bin/python3",
                                     std::string(BERM_SOURCE_DIR) + "/tests/tools/at_terminal.py",
                                     keys, site.program(), "run"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"--", "sh", "-c", script});
    return site.command(argv).out;
  }
  static constexpr const char* kFetch =
      "curl -sS -m 20 https://unlisted.example.invalid/; echo code $?;";
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, Ask, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Ask, AHostThatNothingGrantsIsAskedAbout) {
  const std::string shown = at_terminal("d", kFetch);
  EXPECT_NE(shown.find("unlisted.example.invalid:443, which nothing grants"), std::string::npos)
      << shown;
  EXPECT_NE(shown.find("response 403"), std::string::npos) << shown;
  EXPECT_NE(shown.find("asked 1\n"), std::string::npos) << shown;
}

TEST_P(Ask, ANoHoldsForTheRun) {
  const std::string shown = at_terminal("d", std::string(kFetch) + kFetch);
  EXPECT_NE(shown.find("asked 1\n"), std::string::npos) << shown;
}

TEST_P(Ask, AYesLetsItThrough) {
  // The name has no address: that egress says so is the proof that it tried.
  const std::string shown = at_terminal("r", std::string(kFetch) + kFetch);
  EXPECT_NE(shown.find("response 502"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("response 403"), std::string::npos) << shown;
  EXPECT_NE(shown.find("asked 1\n"), std::string::npos) << shown;
}

TEST_P(Ask, OnceIsOnce) {
  const std::string shown = at_terminal("od", std::string(kFetch) + kFetch);
  EXPECT_NE(shown.find("response 502"), std::string::npos) << shown;
  EXPECT_NE(shown.find("response 403"), std::string::npos) << shown;
  EXPECT_NE(shown.find("asked 2\n"), std::string::npos) << shown;
}

TEST_P(Ask, WhatTheTerminalTypesItselfIsNoAnswer) {
  // The agent may have asked the terminal for its colour just before: the answer holds an 'r'.
  const std::string shown = at_terminal("Td", kFetch);
  EXPECT_NE(shown.find("typed by the terminal"), std::string::npos) << "positive control";
  EXPECT_NE(shown.find("response 403"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("response 502"), std::string::npos) << shown;
  EXPECT_NE(shown.find("asked 1\n"), std::string::npos) << "the question stood until the key";
}

TEST_P(Ask, WhileAQuestionStandsTheAgentPrintsNothing) {
  const std::string shown =
      at_terminal("d", "(while :; do echo TICK; sleep 0.02; done) & sleep 0.5; " +
                           std::string(kFetch) + "sleep 0.5; kill $!");
  const std::size_t asked = shown.find("which nothing grants");
  ASSERT_NE(asked, std::string::npos) << shown;
  const std::size_t answered = shown.find("^[8", asked);  // the cursor goes back
  ASSERT_NE(answered, std::string::npos) << shown;
  EXPECT_EQ(shown.substr(asked, answered - asked).find("TICK"), std::string::npos) << shown;
  EXPECT_NE(shown.substr(0, asked).find("TICK"), std::string::npos) << "positive control: before";
  EXPECT_NE(shown.substr(answered).find("TICK"), std::string::npos) << "positive control: after";
}

TEST_P(Ask, WhatThePolicyDeniesIsNoQuestion) {
  std::ofstream(site.root() + "/policy.toml")
      << "version = 1\n[network]\ndeny = [\"unlisted.example.invalid\"]\n";
  const std::string shown = at_terminal("r", kFetch, {"--policy", site.root() + "/policy.toml"});
  EXPECT_NE(shown.find("asked 0\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("response 502"), std::string::npos) << shown;
}

TEST_P(Ask, WithoutATerminalNobodyIsAsked) {
  const Finished finished = site.berm({"run", "--", "sh", "-c", kFetch});
  EXPECT_EQ(finished.err.find("[d]eny"), std::string::npos) << finished.err;
  EXPECT_EQ(finished.out.find("code 0"), std::string::npos) << finished.out;
}

TEST_P(Ask, InCiNobodyIsAsked) {
  const std::string shown =
      site.command({"/usr/bin/env", "CI=true", "/usr/bin/python3",
                    std::string(BERM_SOURCE_DIR) + "/tests/tools/at_terminal.py", "r",
                    site.program(), "run", "--", "sh", "-c", kFetch})
          .out;
  EXPECT_NE(shown.find("asked 0\n"), std::string::npos) << shown;
}

}  // namespace
}  // namespace berm::test

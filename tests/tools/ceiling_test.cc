// tests/tools/ceiling_test.cc: what an administrator says of tools, no policy below sets aside.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "harness.h"

namespace berm::test {
namespace {

class ToolCeiling : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("only root can lay /etc/berm/policy.toml");
    std::ofstream(site.root() + "/policy.toml")
        << "version = 1\n[tools]\nallow = [\"Bash(git push --force)\", \"Bash(git push *)\"]\n";
  }
  // berm on a machine whose managed policy says this of tools; "": that has none.
  Finished under(const std::string& ceiling, const std::vector<std::string>& arguments) const {
    const std::string& root = site.root();
    std::ofstream(root + "/managed.toml") << "version = 1\n[tools]\n" << ceiling;
    std::string prepare = "true";
    if (!ceiling.empty()) {
      prepare = "rm -rf " + root + "/up " + root + "/work; mkdir -p " + root + "/up " + root +
                "/work; mount -t overlay overlay -o lowerdir=/etc,upperdir=" + root +
                "/up,workdir=" + root + "/work /etc; mkdir -p /etc/berm; cp " + root +
                "/managed.toml /etc/berm/policy.toml";
    }
    return site.berm_on(prepare, arguments);
  }
  Finished why(const std::string& ceiling) const {
    return under(ceiling,
                 {"why", "--policy", site.root() + "/policy.toml", "exec", "git push --force"});
  }
  Finished push(const std::string& ceiling) const {
    return under(ceiling, {"run", "--policy", site.root() + "/policy.toml", "--", "sh", "-c",
                           "git push --force 2>/dev/null; echo code:$?"});
  }
  Site site{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(As, ToolCeiling, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(ToolCeiling, ItsPacksAreNotSetAsideByAnAllowBelow) {
  const Finished without = why("");
  EXPECT_EQ(without.code, 0) << "positive control: the allow sets the packs aside\n"
                             << without.out << without.err;
  EXPECT_NE(push("").out.find("code:128"), std::string::npos) << "git itself: there is no remote";

  const Finished with = why("packs = [\"git\"]\n");
  EXPECT_EQ(with.code, 1) << with.out << with.err;
  EXPECT_NE(with.out.find("force-push"), std::string::npos) << with.out;
  const Finished pushed = push("packs = [\"git\"]\n");
  EXPECT_NE(pushed.out.find("code:126"), std::string::npos) << pushed.out << pushed.err;
}

TEST_P(ToolCeiling, ItsDenyStandsInFrontOfAnAllowBelow) {
  const Finished with = why("deny = [\"Bash(git push *)\"]\n");
  EXPECT_EQ(with.code, 1) << with.out << with.err;
  EXPECT_NE(with.out.find("tools.deny Bash(git push *)"), std::string::npos) << with.out;
}

}  // namespace
}  // namespace berm::test

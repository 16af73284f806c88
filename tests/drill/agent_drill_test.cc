// tests/drill/agent_drill_test.cc: the drill with the real clients. BERM_DRILL_ALL=1 runs every
// scenario, else the few that are marked for CI.
#include "client_test_support.h"

namespace berm::test {
namespace {

class AgentDrill : public testing::TestWithParam<As> {
 protected:
  void drill(const std::string& agent) {
    if (!fs::exists(client_modules() + "/.bin/" + agent)) {
      BERM_SKIP_OR_FAIL(agent << " is not installed: npm ci --prefix tests/agents");
    }
    const Site site(GetParam());
    std::vector<std::string> arguments = {"drill", "--agent", agent, "--json"};
    if (std::getenv("BERM_DRILL_ALL") == nullptr) arguments.emplace_back("--ci");
    const Finished finished = site.berm(
        Invocation{.arguments = arguments,
                   .env = {{"PATH", client_modules() + "/.bin:/usr/local/bin:/usr/bin:/bin"}}});
    const json report = finished.json();
    ASSERT_TRUE(report.is_object()) << finished.out << finished.err;
    EXPECT_GE(report["scenarios"].size(), 5U);
    for (const json& one : report["scenarios"]) {
      EXPECT_EQ(one["verdict"], "contained") << one.dump(2);
    }
    EXPECT_EQ(finished.code, 0) << finished.err;
  }
};
INSTANTIATE_TEST_SUITE_P(As, AgentDrill, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(AgentDrill, ClaudeCodeIsContained) { drill("claude"); }
TEST_P(AgentDrill, CodexIsContained) { drill("codex"); }

}  // namespace
}  // namespace berm::test

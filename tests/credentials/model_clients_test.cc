// The real coding agents, unpatched, with a placeholder for their key: Claude Code and Codex.
#include "model.h"

namespace berm::test {
namespace {

// Where npm put the pinned clients: tests/agents/node_modules of this checkout, or this variable.
std::string modules() {
  const char* given = std::getenv("BERM_CLIENT_MODULES");
  return given != nullptr ? given : std::string(BERM_SOURCE_DIR) + "/tests/agents/node_modules";
}

// What each client is told to do: look for the key, write a file, end.
const json kTurns = json::array(
    {json::array({"Look.", {{"command", "env; cat /proc/*/environ ~/.codex/*; echo marker-end"}}}),
     json::array({json{{"command", "echo hi > out.txt"}}}), json::array({"Done."})});

class Clients : public Model {
 protected:
  [[nodiscard]] static bool has(const std::string& client) {
    return fs::exists(modules() + "/.bin/" + client);
  }
  static std::string with_client(const std::string& policy) {
    return policy + "[files]\nread = [\"" + fs::canonical(modules()).string() + "\"]\n";
  }
  static std::string path() { return modules() + "/.bin:/usr/local/bin:/usr/bin:/bin"; }

  /// It did its work, with the key outside and nothing of it inside.
  static void expect_done(const Ran& ran, std::size_t most_refused = 0) {
    EXPECT_EQ(ran.code, 0) << ran.said << ran.report.dump(2);
    EXPECT_NE(ran.report["changes"].dump().find("out.txt"), std::string::npos) << ran.said;
    const std::vector<json> calls = arrived();
    ASSERT_GE(calls.size(), 3U) << ran.said;
    EXPECT_NE(world().log("requests").find("marker-end"), std::string::npos) << "its shell ran";
    EXPECT_EQ(times_of_key(), calls.size() + arrived("GET").size() + arrived("HEAD").size())
        << "once a request, in its header, and nowhere in what the client has seen";
    EXPECT_EQ(ran.report["usage"]["model"]["requests"], calls.size());
    EXPECT_EQ(ran.report["usage"]["model"]["tokens"], calls.size() * 15);
    EXPECT_LE(ran.report["usage"]["denied"], most_refused);
  }
};
INSTANTIATE_TEST_SUITE_P(As, Clients, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Clients, ClaudeCodeWorksThroughTheBaseUrl) {
  if (!has("claude"))
    BERM_SKIP_OR_FAIL("Claude Code is not installed: npm ci --prefix tests/agents");
  says({{"turns", kTurns}});
  const Ran ran = run("version = 1\n", {"claude", "-p", "do it"},
                      {{"PATH", path()},
                       {"ANTHROPIC_API_KEY", kKey},
                       {"ANTHROPIC_BASE_URL", "https://model.good.example"}});
  expect_done(ran);
}

}  // namespace
}  // namespace berm::test

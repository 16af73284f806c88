// The real coding agents, unpatched, with a placeholder for their key: Claude Code and Codex.
#include <set>

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

  /// Hosted tools are taken out without harm; the rest would be a call that failed.
  [[nodiscard]] std::set<std::string> refused() const {
    std::set<std::string> out;
    for (const json& denied : events("net.denied")) {
      if (denied["host"] == "model.good.example" && denied["rule"] != "model.hosted_tools") {
        out.insert(denied["reason"]);
      }
    }
    return out;
  }
  /// It did its work, with the key outside and nothing of it inside.
  void expect_done(const Ran& ran) const {
    EXPECT_EQ(ran.code, 0) << ran.said << ran.report.dump(2);
    EXPECT_NE(ran.report["changes"].dump().find("out.txt"), std::string::npos) << ran.said;
    const std::vector<json> calls = arrived();
    ASSERT_GE(calls.size(), 3U) << ran.said;
    EXPECT_NE(world().log("requests").find("marker-end"), std::string::npos) << "its shell ran";
    EXPECT_EQ(times_of_key(), calls.size() + arrived("GET").size() + arrived("HEAD").size())
        << "once a request, in its header, and nowhere in what the client has seen";
    EXPECT_EQ(ran.report["usage"]["model"]["requests"], calls.size());
    EXPECT_EQ(ran.report["usage"]["model"]["tokens"], calls.size() * 15);
    EXPECT_EQ(refused(), std::set<std::string>()) << "of what the client asks the API for";
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

TEST_P(Clients, ClaudeCodeWorksThroughInspectedTls) {
  if (!has("claude")) {
    BERM_SKIP_OR_FAIL("Claude Code is not installed: npm ci --prefix tests/agents");
  }
  says({{"turns", kTurns}});
  const Ran ran = run(with_client(policy("anthropic")) +
                          "[env.set]\nANTHROPIC_BASE_URL = \"https://model.good.example\"\n"
                          "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = \"1\"\n",
                      {"--", modules() + "/.bin/claude", "-p", "do it", "--allowedTools", "Bash"});
  expect_done(ran);
}

TEST_P(Clients, ClaudeCodeIsStoppedByALimitInTheMiddle) {
  if (!has("claude")) {
    BERM_SKIP_OR_FAIL("Claude Code is not installed: npm ci --prefix tests/agents");
  }
  says({{"turns", json::array({json::array({json{{"command", "true"}}})})},
        {"usage", {{"input", 900}, {"output", 100}}}});
  const Ran ran = run("version = 1\n[limits]\ntokens = 2500\n", {"claude", "-p", "do it"},
                      {{"PATH", path()},
                       {"ANTHROPIC_API_KEY", kKey},
                       {"ANTHROPIC_BASE_URL", "https://model.good.example"}});
  EXPECT_EQ(ran.code, 121) << ran.said;
  EXPECT_EQ(ran.report["outcome"]["limit"], "tokens");
  EXPECT_EQ(ran.report["usage"]["model"]["tokens"], 3000);
  EXPECT_EQ(arrived().size(), 3U);
  EXPECT_NE(ran.said.find("limits.tokens"), std::string::npos) << "the client says why";
}

TEST_P(Clients, TheBaseUrlHasTheRulesOfThePolicyToo) {
  if (!has("claude")) {
    BERM_SKIP_OR_FAIL("Claude Code is not installed: npm ci --prefix tests/agents");
  }
  const std::string probe = R"sh(
for to in files messages/batches ../v1/messages; do curl -s "$ANTHROPIC_BASE_URL/v1/$to" --path-as-is -o /dev/null -w "$to %{http_code} "; done
curl -s "$ANTHROPIC_BASE_URL/v1/messages" -o /dev/null -w 'dear %{http_code}' --data '{"model":"dear","max_tokens":9,"messages":[]}'
)sh";
  says({{"turns", json::array({json::array({json{{"command", probe}}}), json::array({"Done."})})}});
  const Ran ran =
      run("version = 1\n[credentials.anthropic]\npreset = \"anthropic\"\nfrom = "
          "\"env:MODEL_SECRET\"\n[credentials.anthropic.model]\nmodels = [\"claude-*\"]\n"
          "max_output_tokens = 2000\n",
          {"claude", "-p", "do it"},
          {{"PATH", path()}, {"ANTHROPIC_BASE_URL", "https://model.good.example"}});
  EXPECT_EQ(ran.code, 0) << ran.said;
  const std::vector<json> calls = arrived();
  ASSERT_EQ(calls.size(), 2U) << ran.said;
  for (const json& call : calls) EXPECT_EQ(call["body"]["max_tokens"], 2000);
  EXPECT_NE(
      calls[1]["body"].dump().find("files 403 messages/batches 403 ../v1/messages 403 dear 403"),
      std::string::npos)
      << calls[1]["body"]["messages"].dump(1);
}

// Codex speaks the Responses API. Its own provider tries a websocket first, which carries no key;
// a provider of one's own does not.
TEST_P(Clients, CodexWorksThroughInspectedTls) {
  if (!has("codex")) BERM_SKIP_OR_FAIL("Codex is not installed: npm ci --prefix tests/agents");
  const std::string provider =
      "{name=\"world\",base_url=\"https://model.good.example/v1\",env_key=\"OPENAI_API_KEY\","
      "wire_api=\"responses\",request_max_retries=0,stream_max_retries=0}";
  // The first has one tool that runs programs, which call the others; the second has a shell.
  for (const char* model : {"gpt-6.1-sol", "gpt-5.5"}) {
    SCOPED_TRACE(model);
    says({{"turns", kTurns}});
    const Ran ran = run(with_client(policy("openai")),
                        {"--", modules() + "/.bin/codex", "exec", "--ephemeral", "-m", model,
                         "--dangerously-bypass-approvals-and-sandbox", "-c", "model_provider=world",
                         "-c", "model_providers.world=" + provider, "do it"});
    expect_done(ran);
    for (const json& call : arrived()) {
      EXPECT_EQ(call["body"].dump().find("web_search"), std::string::npos);
      EXPECT_EQ(call["body"]["store"], false);
    }
  }
}

}  // namespace
}  // namespace berm::test

// tests/agents/claude_mcp_test.cc: MCP servers of the real Claude Code client: which are started,
// and which of their tools run.
#include "claude_tools.h"

namespace berm::test {
namespace {

class ClaudeMcp : public ClaudeTools {
 protected:
  void SetUp() override {
    ClaudeTools::SetUp();
    if (!site) return;
    std::ifstream program(std::string(BERM_SOURCE_DIR) + "/tests/agents/mcp-files.mjs");
    std::ostringstream text;
    text << program.rdbuf();
    site->write("mcp-files.mjs", text.str());
    site->write("note.txt", "content-of-the-note\n");
    site->write("named.json", configuration("files", "named"));
    commit();
  }
  void commit() { site->shell("git add -A && git commit -qm servers"); }
  // A configuration with one server, which tells its log that it is `tag`.
  std::string configuration(const std::string& server, const std::string& tag) const {
    const json words = {at("mcp-files.mjs"), at("calls.jsonl"), tag};
    return json{{"mcpServers", {{server, {{"command", "node"}, {"args", words}}}}}}.dump();
  }
  std::string at(const std::string& file) const { return site->repository() + "/" + file; }
  // A model that reads by one tool of the server and writes by the other.
  json reads_and_writes() const {
    return json::array(
        {turn({tool("mcp__files__read", {{"path", at("note.txt")}})}),
         turn({tool("mcp__files__write", {{"path", at("made.txt")}, {"content", "x"}})}),
         turn({say("Done.")})});
  }
  Finished run_named(const Model& model, const std::string& tools) {
    site->write("policy.toml", "version = 1\nprofile = \"claude\"\n[tools]\n" + tools);
    return run(model, {"--policy", "policy.toml", "--on-success", "apply"},
               {"--mcp-config", "named.json"});
  }
  // What reached the server: "named read write ".
  std::string reached() const {
    std::string out;
    std::istringstream lines(site->read("calls.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const json one = json::parse(line);
      out += one.value("started", one.value("tool", "")) + " ";
    }
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(As, ClaudeMcp, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(ClaudeMcp, AnAllowedToolRunsADeniedOneDoesNotAndTheModelHearsWhy) {
  const Model model(site->root(), reads_and_writes());
  const Finished finished =
      run_named(model,
                "[[tools.rule]]\nmatch = \"mcp__files__write\"\naction = \"deny\"\nreason = "
                "\"write by the file tools\"\n");
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(reached(), "named read ");
  EXPECT_FALSE(site->has("made.txt"));
  const std::string requests = model.requests();
  EXPECT_NE(requests.find("content-of-the-note"), std::string::npos) << requests;
  EXPECT_NE(requests.find("write by the file tools"), std::string::npos) << requests;
  const std::vector<json> denied = calls("deny");
  ASSERT_EQ(denied.size(), 1U);
  EXPECT_EQ(denied[0]["tool"], "mcp__files__write");
  ASSERT_EQ(calls("allow").size(), 1U);
  EXPECT_EQ(calls("allow")[0]["tool"], "mcp__files__read");
}

TEST_P(ClaudeMcp, WithoutARuleBothToolsRun) {
  const Model model(site->root(), reads_and_writes());
  const Finished finished = run_named(model, "");
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(reached(), "named read write ");
  EXPECT_EQ(site->read("made.txt"), "x");
}

TEST_P(ClaudeMcp, RulesForAServerAndForEveryServerHold) {
  for (const char* rule : {"mcp__*", "mcp__files", "mcp__files__*"}) {
    SCOPED_TRACE(rule);
    site->shell("rm -f calls.jsonl");
    const Model model(site->root(), reads_and_writes());
    const Finished finished =
        run_named(model, "deny = [\"" + std::string(rule) + "\", \"mcp__other\"]\n");
    ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
    EXPECT_EQ(reached(), "named ") << "it is started, and no call comes through";
    EXPECT_EQ(calls("deny").size(), 2U);
    EXPECT_NE(model.requests().find("denied by the policy's rule"), std::string::npos);
  }
}

TEST_P(ClaudeMcp, TheRepositorysServersAreNotStarted) {
  site->write(".mcp.json", configuration("files", "repository"));
  commit();
  const Model model(site->root(), reads_and_writes());
  const Finished finished = run(model, {"--on-success", "apply"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_FALSE(site->has("calls.jsonl")) << site->read("calls.jsonl");
  EXPECT_NE(model.requests().find("No such tool available: mcp__files__read"), std::string::npos);
}

TEST_P(ClaudeMcp, BesideOnesThatAreNamedTheRepositorysAreNotStartedEither) {
  site->write(".mcp.json", configuration("others", "repository"));
  commit();
  const Model model(site->root(), reads_and_writes());
  const Finished finished = run_named(model, "");
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(reached(), "named read write ");
}

TEST_P(ClaudeMcp, AConfigurationThatIsNoneIsRefusedBeforeAnythingStarts) {
  const Model model(site->root(), reads_and_writes());
  const std::string deep(300, '[');
  site->write("list.json", "{\"mcpServers\":[]}");
  site->write("deep.json", "{\"mcpServers\":{\"a\":" + deep);
  site->shell("ln -s named.json link.json");
  for (const char* file : {"absent.json", "list.json", "deep.json", "link.json", "do it"}) {
    SCOPED_TRACE(file);
    const Finished finished = run(model, {}, {"--mcp-config", file});
    EXPECT_EQ(finished.code, 125) << finished.out << finished.err;
    EXPECT_NE(finished.err.find("--mcp-config '" + std::string(file) + "'"), std::string::npos)
        << finished.err;
  }
  EXPECT_EQ(model.requests(), "");
}

}  // namespace
}  // namespace berm::test

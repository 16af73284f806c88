// What each profile lays into the sandbox, and how it starts its client.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agents/agent.h"
#include "agents/client.h"
#include "agents/codex.h"
#include "agents/gemini.h"
#include "agents/opencode.h"
#include "policy/parse.h"

namespace berm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Words = std::vector<std::string>;

// A directory with programs that can be found, gone afterwards.
class Installed : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/berm-agents-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    fs::create_directories(root + "/repo/sub");
  }
  void TearDown() override { fs::remove_all(root); }
  void install(const std::string& at, const std::string& content =
                                          "\x7f"
                                          "ELF") const {
    const std::string path = root + "/" + at;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << content;
    fs::permissions(path, fs::perms(0755));
  }
  [[nodiscard]] AgentRequest request(AgentKind kind, Words arguments = {}) const {
    return {.kind = kind,
            .arguments = std::move(arguments),
            .directory = root + "/repo/sub",
            .repository = root + "/repo",
            .path = root + "/bin",
            .interactive = false};
  }
  std::string root;
};

TEST_F(Installed, WhatTheRepositorySuppliesIsNotTheClient) {
  install("repo/node_modules/.bin/codex");
  AgentRequest asked = request(AgentKind::codex, {"x"});
  asked.path = root + "/repo/node_modules/.bin";
  EXPECT_FALSE(prepare_agent(asked));
  fs::create_directories(root + "/bin");
  fs::create_symlink(root + "/repo/node_modules/.bin/codex", root + "/bin/codex");
  asked.path = root + "/bin";
  EXPECT_FALSE(prepare_agent(asked)) << "a link into the repository";
}

TEST_F(Installed, AScriptOfNodeRunsBehindTheCallersNode) {
  install("bin/node");
  install("lib/node_modules/@openai/codex/bin/codex.js", "#!/usr/bin/env node\n");
  fs::create_symlink(root + "/lib/node_modules/@openai/codex/bin/codex.js", root + "/bin/codex");
  const Result<AgentFacts> facts = prepare_agent(request(AgentKind::codex, {"do it"}));
  ASSERT_TRUE(facts) << facts.error().what;
  EXPECT_EQ(facts->argv,
            (Words{root + "/bin/node", root + "/lib/node_modules/@openai/codex/bin/codex.js",
                   "exec", "do it"}));
  ASSERT_EQ(facts->programs.size(), 2U);
  EXPECT_EQ(facts->programs[0].str(), root + "/bin/node");
  EXPECT_EQ(facts->programs[1].str(), root + "/lib/node_modules/@openai")
      << "the native part lies beside the package";
}

TEST_F(Installed, WithoutNodeAScriptOfNodeIsNotStarted) {
  install("bin/gemini", "#!/usr/bin/env node\n");
  const Result<AgentFacts> facts = prepare_agent(request(AgentKind::gemini, {"x"}));
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.error().what.find("needs node"), std::string::npos);
}

TEST_F(Installed, ANativeProgramNeedsOnlyItself) {
  install("bin/opencode");
  const Result<AgentFacts> facts = prepare_agent(request(AgentKind::opencode, {"do it"}));
  ASSERT_TRUE(facts) << facts.error().what;
  EXPECT_EQ(facts->argv, (Words{root + "/bin/opencode", "run", "do it"}));
  ASSERT_EQ(facts->programs.size(), 1U);
}

TEST_F(Installed, McpServersThatAreNamedAreManagedAndTheOnlyOnes) {
  install("bin/claude");
  install("repo/a.json", R"({"mcpServers":{"a":{"command":"one"},"b":{"command":"two"}}})");
  install("b.json", R"({"other":1,"mcpServers":{"b":{"command":"three"}}})");
  const Result<AgentFacts> facts = prepare_agent(request(
      AgentKind::claude,
      {"-p", "x", "--mcp-config", root + "/repo/a.json", root + "/b.json", "--strict-mcp-config",
       "--mcp-config={\"mcpServers\":{\"c\":{\"url\":\"u\"}}}", "--", "--mcp-config"}));
  ASSERT_TRUE(facts) << facts.error().what;
  const Words& argv = facts->argv;
  EXPECT_EQ(std::ranges::count(argv, "--strict-mcp-config"), 0);
  EXPECT_EQ(Words(argv.end() - 4, argv.end()), (Words{"-p", "x", "--", "--mcp-config"}));
  ASSERT_EQ(facts->files.size(), 2U);
  EXPECT_EQ(facts->files[1].at.str(), "/etc/claude-code/managed-mcp.json");
  const json expected = {
      {"mcpServers",
       {{"a", {{"command", "one"}}}, {"b", {{"command", "three"}}}, {"c", {{"url", "u"}}}}}};
  EXPECT_EQ(json::parse(facts->files[1].content), expected);
}

TEST_F(Installed, WithoutNamedMcpServersThereAreNone) {
  install("bin/claude");
  for (const Words& words : {Words{"-p", "x"}, Words{"-p", "x", "--mcp-config"},
                             Words{"-p", "x", "--mcp-config", R"({"mcpServers":{}})"}}) {
    const Result<AgentFacts> facts = prepare_agent(request(AgentKind::claude, words));
    ASSERT_TRUE(facts) << facts.error().what;
    EXPECT_EQ(std::ranges::count(facts->argv, "--strict-mcp-config"), 1);
    EXPECT_EQ(std::ranges::count(facts->argv, "--mcp-config"), 0);
    EXPECT_EQ(facts->files.size(), 1U);
  }
  const Words wrong[] = {{"--mcp-config", "absent.json"},
                         {"--mcp-config", "{\"mcpServers\":[]}"},
                         {"--mcp-config", "{"},
                         {"--mcp-config", ""}};
  for (const Words& words : wrong) {
    const Result<AgentFacts> facts = prepare_agent(request(AgentKind::claude, words));
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, Errc::usage) << facts.error().what;
  }
}

TEST_F(Installed, EveryProfileHoldsOnlyPlaceholdersAndItsFilesAreReadOnly) {
  for (const char* name : {"claude", "codex", "gemini", "opencode"}) {
    SCOPED_TRACE(name);
    install(std::string("bin/") + name);
    const AgentKind kind = *agent_named(name);
    const Result<AgentFacts> facts = prepare_agent(request(kind, {"x"}));
    ASSERT_TRUE(facts);
    const PolicyLayer layer = profile_layer(kind);
    ASSERT_EQ(layer.credentials.size(), 1U);
    const auto& [credential, grant] = *layer.credentials.begin();
    ASSERT_TRUE(facts->model);
    EXPECT_EQ(facts->model->credential, credential);
    EXPECT_EQ(facts->env.at(grant.from.substr(4)), grant.placeholder);
    ASSERT_FALSE(facts->files.empty());
    for (const File& file : facts->files) {
      // Gemini CLI believes no file of /etc inside (gemini.cc).
      const bool home = file.at.str() == "/home/agent/.gemini/settings.json";
      EXPECT_EQ(home, kind == AgentKind::gemini) << file.at.str();
      EXPECT_TRUE(home || file.at.str().starts_with("/etc/")) << "the root is read-only";
      EXPECT_EQ(file.mode, 0444U);
    }
  }
}

TEST(Profiles, WhatClientsWouldStartFromARepositoryIsHidden) {
  const auto hides = [](AgentKind kind, std::string_view path) {
    const std::vector<Glob> hidden =
        profile_layer(kind).workspace.hide.value_or(std::vector<Glob>{});
    return std::ranges::any_of(hidden, [&](const Glob& glob) { return glob.str() == path; });
  };
  EXPECT_TRUE(hides(AgentKind::gemini, ".gemini"));
  for (const char* path : {".opencode", "opencode.json", "opencode.jsonc"}) {
    EXPECT_TRUE(hides(AgentKind::opencode, path)) << path;
  }
}

TEST(Profiles, ThePolicyMayNameAllOfThem) {
  for (const char* name : {"claude", "codex", "gemini", "opencode", "none"}) {
    const std::string text = std::string("version = 1\nprofile = \"") + name + "\"\n";
    EXPECT_TRUE(parse_policy(text, "test")) << name;
  }
}

TEST(CodexProfile, ABarePromptIsExecutedAndASubcommandIsPassedOn) {
  EXPECT_EQ(codex_arguments({"do it"}, false), (Words{"exec", "do it"}));
  EXPECT_EQ(codex_arguments({"-m", "gpt-5.5", "do it"}, false),
            (Words{"exec", "-m", "gpt-5.5", "do it"}));
  EXPECT_EQ(codex_arguments({"exec", "--json", "x"}, false), (Words{"exec", "--json", "x"}));
  EXPECT_EQ(codex_arguments({"--help"}, false), (Words{"--help"}));
  EXPECT_EQ(codex_arguments({"do it"}, true), (Words{"do it"})) << "a person sits there";
}

TEST(CodexProfile, EveryEventIsWiredToTheHookClientAndNoOtherHookRuns) {
  const std::string text = codex_requirements();
  EXPECT_NE(text.find("allow_managed_hooks_only = true"), std::string::npos);
  for (const char* event : {"PreToolUse", "PermissionRequest", "PostToolUse", "PreCompact",
                            "PostCompact", "SessionStart", "SessionEnd", "UserPromptSubmit",
                            "SubagentStart", "SubagentStop", "Stop", "Interrupt"}) {
    const std::string entry = std::string("[[hooks.") + event + "]]\nmatcher = \"*\"\n[[hooks." +
                              event +
                              ".hooks]]\ntype = \"command\"\n"
                              "command = \"/run/berm/berm-init hook codex\"\n";
    EXPECT_NE(text.find(entry), std::string::npos) << event;
  }
}

TEST(CodexProfile, ARepositorysNameCannotEndTheStringItStandsIn) {
  const std::string text = codex_managed_config("/srv/a\"]\nx = \"\x7f");
  EXPECT_NE(text.find("[projects.\"/srv/a\\\"]\\nx = \\\"\\u007f\"]\ntrust_level = \"untrusted\""),
            std::string::npos)
      << text;
}

TEST(GeminiProfile, ABarePromptAsksNobodyAndTheUsersChoiceStands) {
  EXPECT_EQ(gemini_arguments({"do it"}, false),
            (Words{"--approval-mode", "yolo", "--prompt", "do it"}));
  EXPECT_EQ(gemini_arguments({"-p", "x", "--approval-mode", "plan"}, false),
            (Words{"-p", "x", "--approval-mode", "plan"}));
  EXPECT_EQ(gemini_arguments({"mcp", "list"}, false), (Words{"mcp", "list"}));
  EXPECT_EQ(gemini_arguments({}, true), Words{});
}

TEST(GeminiProfile, EveryEventIsWiredToTheHookClientInMilliseconds) {
  const json settings = json::parse(gemini_settings());
  ASSERT_EQ(settings["hooks"].size(), 11U);
  for (const auto& [event, groups] : settings["hooks"].items()) {
    const json& handler = groups[0]["hooks"][0];
    EXPECT_EQ(groups[0]["matcher"], "*") << event;
    EXPECT_EQ(handler["command"], "/run/berm/berm-init hook gemini");
    EXPECT_EQ(handler["timeout"], 30000);
  }
}

TEST(OpencodeProfile, ThePluginFailsClosedAndTheConfigurationAsksNobody) {
  const json config = json::parse(opencode_managed_config("anthropic"));
  EXPECT_EQ(config["plugin"], json::array({"file:///etc/opencode/berm.js"}));
  EXPECT_EQ(config["permission"]["*"], "allow");
  EXPECT_EQ(config["provider"]["anthropic"]["options"]["baseURL"], "http://127.0.0.1:8117/v1");
  EXPECT_NE(opencode_plugin().find(R"("/run/berm/berm-init", ["hook", "opencode"])"),
            std::string::npos);
  EXPECT_EQ(opencode_arguments({"do it"}, false), (Words{"run", "do it"}));
  EXPECT_EQ(opencode_arguments({"models"}, false), (Words{"models"}));
}

}  // namespace
}  // namespace berm

// tests/agents/stand_in_test.cc: clients that do not ask, ask about something else, or ask too
// much.
#include "stand_in.h"

namespace berm::test {
namespace {

class Hooks : public StandIn, public testing::WithParamInterface<As> {
 protected:
  Hooks() : StandIn(GetParam()) {}
  ScriptedModel model() const {
    return {"mock-anthropic.mjs", site.root(), json::array({json::array({kText})})};
  }
  // The client's request to its model: what the user said, and the result of one call, or none.
  static std::string told(const std::string& id = "", bool failed = false) {
    json messages = json::array({{{"role", "user"}, {"content", "go"}}});
    if (!id.empty()) {
      const json call = {
          {"type", "tool_use"}, {"id", id}, {"name", "Bash"}, {"input", {{"command", "true"}}}};
      const json result = {
          {"type", "tool_result"}, {"tool_use_id", id}, {"content", "ok"}, {"is_error", failed}};
      messages.push_back({{"role", "assistant"}, {"content", json::array({call})}});
      messages.push_back({{"role", "user"}, {"content", json::array({result})}});
    }
    const json body = {{"model", "claude-sonnet-4-5"}, {"max_tokens", 64}, {"messages", messages}};
    return "post /v1/messages '" + body.dump() + "'; ";
  }
  // Of a run that ended because its hooks do not hold: why; "" if none.
  std::string silence(const Finished& finished) const {
    const std::vector<json> silent = events("hooks.silent");
    EXPECT_EQ(finished.code, silent.empty() ? 0 : 122) << finished.out << finished.err;
    return silent.empty() ? "" : silent[0].value("why", "");
  }
  static const json kText;
};
const json Hooks::kText = {{"type", "text"}, {"text", "Done."}};
INSTANTIATE_TEST_SUITE_P(As, Hooks, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

const std::string kBegin = hook({{"hook_event_name", "SessionStart"}});
constexpr const char* kNoTwo = "deny = [\"Bash(echo two)\"]\n";

TEST_P(Hooks, AResultThatNoHookAskedAboutEndsTheRun) {
  const ScriptedModel scripted = model();
  const Finished finished =
      run("claude", scripted, kBegin + told() + told("toolu_secretly") + "sleep 30");
  EXPECT_NE(silence(finished).find("toolu_secretly"), std::string::npos) << finished.out;
  EXPECT_NE(finished.json()["verdict"]["reasons"].dump().find("hooks do not hold"),
            std::string::npos);
}

TEST_P(Hooks, AResultThatAHookAskedAboutOrThatIsAnErrorDoesNot) {
  const ScriptedModel scripted = model();
  const Finished finished =
      run("claude", scripted,
          kBegin + told() + hook(before("echo one", "toolu_1")) + told("toolu_1") +
              hook(before("echo two", "toolu_2")) + told("toolu_2", true) + "sleep 1",
          kNoTwo);
  EXPECT_EQ(silence(finished), "");
  EXPECT_EQ(events("model.tool_result").size(), 2U) << "positive control: both were looked at";
}

TEST_P(Hooks, AQuestionThatWasRefusedMakesRoomForNoResult) {
  const ScriptedModel scripted = model();
  const Finished finished = run(
      "claude", scripted,
      kBegin + told() + hook(before("echo two", "toolu_2")) + told("toolu_2") + "sleep 30", kNoTwo);
  EXPECT_NE(silence(finished).find("toolu_2"), std::string::npos) << finished.out;
}

TEST_P(Hooks, TheIdInAForgedQuestionMakesRoomForNoResult) {
  const std::string forged = before("echo one", "toolu_forged").dump();
  site.write("forge.py",
             "import socket, struct\n"
             "q = b'''" +
                 forged +
                 "'''\n"
                 "s = socket.socket(socket.AF_UNIX); s.connect('/run/berm/tool.sock')\n"
                 "s.sendall(struct.pack('III', 0x6b6f6f68, 1, len(q)) + q)\n"
                 "s.recv(16, socket.MSG_WAITALL)\n");
  const ScriptedModel scripted = model();
  const Finished finished =
      run("claude", scripted,
          kBegin + told() + "/usr/bin/python3 forge.py; " + told("toolu_forged") + "sleep 30");
  EXPECT_NE(silence(finished).find("toolu_forged"), std::string::npos) << finished.out;
  ASSERT_EQ(events("tool.call").size(), 2U) << "it was heard, and refused";
  EXPECT_EQ(events("tool.call")[1]["decision"], "deny");
}

TEST_P(Hooks, AForgedQuestionDoesNotPassForTheHooksOwnVoice) {
  site.write("forge.py",
             "import socket, struct\n"
             "q = b'{\"hook_event_name\":\"SessionStart\"}'\n"
             "s = socket.socket(socket.AF_UNIX); s.connect('/run/berm/tool.sock')\n"
             "s.sendall(struct.pack('III', 0x6b6f6f68, 1, len(q)) + q)\n"
             "s.recv(16, socket.MSG_WAITALL)\n");
  const ScriptedModel scripted = model();
  const Finished finished =
      run("claude", scripted, "/usr/bin/python3 forge.py; " + told() + "sleep 30");
  EXPECT_NE(silence(finished).find("none of its hooks was ever heard"), std::string::npos)
      << finished.out;
}

TEST_P(Hooks, AHookThatFailedWhileTheClientWentOnEndsTheRun) {
  // As the client tells it by OTLP.
  const auto attribute = [](const char* key, const char* value) {
    return json{{"key", key}, {"value", {{"stringValue", value}}}};
  };
  const json record = {
      {"body", {{"stringValue", "claude_code.hook_execution_complete"}}},
      {"attributes", json::array({attribute("event.name", "hook_execution_complete"),
                                  attribute("hook_event", "PreToolUse"),
                                  attribute("num_non_blocking_error", "1")})}};
  const json body = {
      {"resourceLogs",
       json::array({{{"scopeLogs", json::array({{{"logRecords", json::array({record})}}})}}})}};
  const ScriptedModel scripted = model();
  const Finished finished =
      run("claude", scripted,
          kBegin + told() + "curl -sS -m 30 -H 'content-type: application/json' -d '" +
              body.dump() + "' http://127.0.0.1:4318/v1/logs; sleep 30");
  EXPECT_NE(silence(finished).find("a hook failed"), std::string::npos) << finished.out;
}

// Of the other clients only the numbers of calls can be compared: told, and the run goes on.
class OthersHooks : public Hooks {
 protected:
  struct Client {
    std::string name, mock, begin;
    std::string first, second;  ///< requests; the second tells of one tool's result
  };
  static std::vector<Client> clients() {
    const auto post = [](const char* path, const json& body) {
      return "post " + std::string(path) + " '" + body.dump() + "'; ";
    };
    const json codex_call = {{"type", "function_call"},
                             {"call_id", "call_1"},
                             {"name", "exec_command"},
                             {"arguments", "{\"cmd\":\"true\"}"}};
    const json codex_result = {
        {"type", "function_call_output"}, {"call_id", "call_1"}, {"output", "ok"}};
    const json says = {{"type", "message"}, {"role", "user"}, {"content", "go"}};
    const json user = {{"role", "user"}, {"parts", json::array({{{"text", "go"}}})}};
    const json gemini_call = {
        {"role", "model"},
        {"parts",
         json::array(
             {{{"functionCall", {{"name", "run_shell_command"}, {"args", {{"command", "x"}}}}}}})}};
    const json gemini_result = {
        {"role", "user"},
        {"parts", json::array({{{"functionResponse",
                                 {{"name", "run_shell_command"}, {"response", {{"o", "x"}}}}}}})}};
    constexpr const char* kGenerate = "/v1beta/models/gemini-2.5-pro:generateContent";
    std::string opencode = told("toolu_1");
    opencode.replace(opencode.find("\"Bash\""), 6, "\"bash\"");
    return {{"codex", "mock-openai.mjs", hook({{"hook_event_name", "SessionStart"}}),
             post("/v1/responses", {{"model", "gpt-5.5"}, {"input", json::array({says})}}),
             post("/v1/responses", {{"model", "gpt-5.5"},
                                    {"input", json::array({says, codex_call, codex_result})}})},
            {"gemini", "mock-gemini.mjs", hook({{"hook_event_name", "SessionStart"}}),
             post(kGenerate, {{"contents", json::array({user})}}),
             post(kGenerate, {{"contents", json::array({user, gemini_call, gemini_result})}})},
            {"opencode", "mock-anthropic.mjs",
             hook({{"hook_event_name", "tool.execute.after"},
                   {"tool_name", "read"},
                   {"tool_input", json::object()}}),
             told(), opencode}};
  }
};
INSTANTIATE_TEST_SUITE_P(As, OthersHooks, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(OthersHooks, AResultThatNoHookAskedAboutIsToldAndTheRunGoesOn) {
  for (const Client& one : clients()) {
    SCOPED_TRACE(one.name);
    const ScriptedModel scripted(one.mock, site.root(), json::array({json::array({kText})}));
    const Finished finished = run(
        one.name, scripted, one.begin + one.first + one.second + one.second + "sleep 1; echo on");
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    EXPECT_NE(finished.err.find("on\n"), std::string::npos);
    EXPECT_EQ(events("model.tool_result").size(), 1U);
    EXPECT_EQ(events("hooks.missed").size(), 1U);
    EXPECT_TRUE(events("hooks.silent").empty());
    const std::string weaknesses = finished.json()["weaknesses"].dump();
    EXPECT_EQ(weaknesses.find("end the run"), std::string::npos) << weaknesses;
  }
}

TEST_P(OthersHooks, AResultAfterAQuestionIsNotMissed) {
  for (const Client& one : clients()) {
    SCOPED_TRACE(one.name);
    const ScriptedModel scripted(one.mock, site.root(), json::array({json::array({kText})}));
    json question = before("true", "call_1");
    if (one.name == "gemini") question["hook_event_name"] = "BeforeTool";
    if (one.name == "opencode") question["hook_event_name"] = "tool.execute.before";
    const Finished finished =
        run(one.name, scripted, one.begin + one.first + hook(question) + one.second + "sleep 1");
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    EXPECT_EQ(events("model.tool_result").size(), 1U) << "positive control";
    EXPECT_TRUE(events("hooks.missed").empty());
  }
}

TEST_P(Hooks, TheSameCallThatFailsAgainAndAgainIsToldOrEndsTheRun) {
  const auto failed = [](const std::string& command) {
    json event = before(command, "toolu_x");
    event["hook_event_name"] = "PostToolUseFailure";
    event["error"] = "Exit code 1";
    return hook(event);
  };
  const std::string limit = "repeated_failures = 3\n";
  const ScriptedModel scripted = model();
  const std::string twice = failed("make") + failed("make");
  (void)run("claude", scripted, twice + failed("make test") + "sleep 1", limit);
  EXPECT_TRUE(events("anomaly").empty()) << "control: another call failed in between";

  const Finished reported =
      run("claude", scripted, twice + failed("make") + "sleep 1; echo on", limit);
  EXPECT_EQ(reported.code, 0) << reported.out << reported.err;
  ASSERT_EQ(events("anomaly").size(), 1U);
  EXPECT_EQ(events("anomaly")[0]["what"], "repeated-failure");
  EXPECT_EQ(events("anomaly")[0]["ends"], false);

  const Finished ended = run("claude", scripted, twice + failed("make") + "sleep 30",
                             limit + "on_anomaly = \"end\"\n");
  EXPECT_EQ(ended.code, 121) << ended.out << ended.err;
  EXPECT_NE(ended.json()["verdict"]["reasons"].dump().find("repeated-failure"), std::string::npos)
      << ended.out;
}

TEST_P(Hooks, TooManyCallsAMinuteAreToldOrEndTheRun) {
  const std::string calls =
      hook(before("echo 1", "a")) + hook(before("echo 2", "b")) + hook(before("echo 3", "c"));
  const ScriptedModel scripted = model();
  (void)run("claude", scripted, calls + "sleep 1", "call_rate = 3\n");
  EXPECT_TRUE(events("anomaly").empty()) << "control: as many as there may be";
  const Finished reported = run("claude", scripted, calls + "sleep 1", "call_rate = 2\n");
  EXPECT_EQ(reported.code, 0) << reported.out << reported.err;
  ASSERT_EQ(events("anomaly").size(), 1U);
  EXPECT_EQ(events("anomaly")[0]["what"], "call-storm");
  const Finished ended =
      run("claude", scripted, calls + "sleep 30", "call_rate = 2\non_anomaly = \"end\"\n");
  EXPECT_EQ(ended.code, 121) << ended.out << ended.err;
  EXPECT_NE(ended.json()["verdict"]["reasons"].dump().find("call-storm"), std::string::npos);
}

TEST_P(Hooks, AForbiddenArgumentBehindHundredsOfHarmlessOnesIsRefused) {
  std::string padded = "git";
  for (int i = 0; i < 300; ++i) padded += " -c a.b=c";
  const ScriptedModel scripted = model();
  const Finished finished =
      run("claude", scripted,
          hook(before(padded + " status", "a")) + hook(before(padded + " push --force", "b")),
          "deny = [\"Bash(git * push --force)\"]\n");
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const std::vector<json> asked = events("tool.call");
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0]["decision"], "allow") << "positive control";
  EXPECT_EQ(asked[1]["decision"], "deny");
  EXPECT_EQ(asked[1]["rule"], "tools.deny Bash(git * push --force)");
}

// Somebody at the terminal answers the hooks' questions.
class AskedTool : public Hooks {
 protected:
  static std::string question(const std::string& command) {
    return hook(before(command, "toolu_1"), "--ask");
  }
  void policy_of_repository(const std::string& text) const {
    site.write("berm.toml", text);
    site.shell("git add berm.toml && git commit -qm policy");
  }
};
INSTANTIATE_TEST_SUITE_P(As, AskedTool, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(AskedTool, AYesDoesNotDropARewrite) {
  const std::vector<std::string> options = policy(
      "ask = [\"Bash(make *)\"]\n[[tools.rule]]\nmatch = \"Bash(make *)\"\naction = \"rewrite\"\n"
      "rewrite = { timeout = 4321 }\n");
  const std::string yes = at_terminal("o", question("make all"), options);
  EXPECT_NE(yes.find("asked 1\n"), std::string::npos) << yes;
  EXPECT_NE(yes.find("hook 0"), std::string::npos) << yes;
  EXPECT_NE(yes.find("\"timeout\":4321"), std::string::npos) << yes;
  EXPECT_NE(yes.find("\"updatedInput\""), std::string::npos) << yes;
  const std::string no = at_terminal("d", question("make all"), options);
  EXPECT_NE(no.find("hook 2"), std::string::npos) << no;
}

TEST_P(AskedTool, WhatWasConsentedToAtTheHookMayStartAndNothingElse) {
  const std::vector<std::string> options =
      policy("ask = [\"Bash(id)\", \"Bash(uname)\", \"Exec(nproc)\"]\n");
  const std::string starts =
      "for program in id uname nproc; do $program >/dev/null; echo $program:$?; done; ";
  const std::string shown =
      at_terminal("o", starts + question("id") + "echo AND; " + starts, options);
  EXPECT_NE(shown.find("asked 1\n"), std::string::npos)
      << "nobody is asked while a process waits in execve\n"
      << shown;
  const std::string before_it = shown.substr(0, shown.find("AND"));
  const std::string after = shown.substr(std::min(shown.find("AND"), shown.size()));
  for (const char* refused : {"id:126", "uname:126", "nproc:126"}) {
    EXPECT_NE(before_it.find(refused), std::string::npos) << refused << "\n" << shown;
  }
  for (const char* then : {"id:0", "uname:126", "nproc:126"}) {
    EXPECT_NE(after.find(then), std::string::npos) << then << "\n" << shown;
  }
}

TEST_P(AskedTool, AYesForGoodStandsInThePolicyOnce) {
  policy_of_repository("version = 1\n[tools]\nask = [\"Bash(make *)\"]\n");
  const std::string shown = at_terminal("pp", question("make one") + question("make two"), {});
  EXPECT_NE(shown.find("berm.toml allows Bash(make one) from now on"), std::string::npos) << shown;
  EXPECT_NE(shown.find("berm.toml allows Bash(make two) from now on"), std::string::npos)
      << "what berm itself wrote is no change of somebody else's\n"
      << shown;
  const std::string text = site.read("berm.toml");
  EXPECT_NE(text.find("match = \"Bash(make one)\""), std::string::npos) << text;
  EXPECT_NE(text.find("match = \"Bash(make two)\""), std::string::npos) << text;
}

TEST_P(AskedTool, AYesForGoodIsNotWrittenIntoAPolicyThatSomebodyChanged) {
  const std::string committed = "version = 1\n[tools]\nask = [\"Bash(make *)\"]\n";
  policy_of_repository(committed);
  const std::string changed = committed + "allow = [\"Bash\"]\n";
  site.write("berm.toml", changed);
  const std::string shown = at_terminal("p", question("make one"), {});
  EXPECT_NE(shown.find("hook 0"), std::string::npos) << "for this time it is a yes\n" << shown;
  EXPECT_NE(shown.find("not written to the policy"), std::string::npos) << shown;
  EXPECT_NE(shown.find("git diff HEAD -- berm.toml"), std::string::npos) << shown;
  EXPECT_EQ(site.read("berm.toml"), changed);
}

TEST_P(AskedTool, NorIntoOneThatHeadDoesNotHaveOrThatIsALink) {
  const std::vector<std::string> asks = policy("ask = [\"Bash(make *)\"]\n");
  site.write("berm.toml", "version = 1\n");
  const std::string untracked = at_terminal("p", question("make one"), asks);
  EXPECT_NE(untracked.find("not written to the policy"), std::string::npos) << untracked;
  EXPECT_EQ(site.read("berm.toml"), "version = 1\n");
  site.shell("rm berm.toml && : > ../elsewhere && ln -s ../elsewhere berm.toml");
  const std::string link = at_terminal("p", question("make one"), asks);
  EXPECT_NE(link.find("not written to the policy"), std::string::npos) << link;
  EXPECT_EQ(site.shell("cat ../elsewhere"), "");
  site.shell("rm berm.toml");
  const std::string none = at_terminal("p", question("make one"), asks);
  EXPECT_NE(none.find("berm.toml allows Bash(make one) from now on"), std::string::npos)
      << "positive control: where there is none, and HEAD has none, it is made\n"
      << none;
}

}  // namespace
}  // namespace berm::test

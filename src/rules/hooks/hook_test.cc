#include "rules/hooks/hook.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rules/hooks/telemetry.h"

namespace berm {
namespace {

using nlohmann::json;

json before(const json& input, std::string_view tool = "Bash") {
  return {{"session_id", "s"},       {"cwd", "/w/src"},
          {"prompt_id", "p1"},       {"hook_event_name", "PreToolUse"},
          {"tool_name", tool},       {"tool_input", input},
          {"tool_use_id", "toolu_1"}};
}

HookInput read(AgentKind agent, const json& hook) {
  Result<HookInput> input = read_hook(agent, hook.dump(), "/w");
  EXPECT_TRUE(input) << input.error().what;
  return input ? *std::move(input) : HookInput{};
}

ToolDecision denial() {
  return {
      .action = ToolAction::deny, .rule = "r", .reason = "not this", .rewrite = {}, .reported = {}};
}

TEST(ReadHook, AShellCommandOfClaudeCodeIsACallOfBash) {
  const HookInput input = read(AgentKind::claude, before({{"command", "rm -rf x"}}));
  EXPECT_EQ(input.kind, HookKind::before_tool);
  EXPECT_EQ(input.call.tool, "Bash");
  EXPECT_TRUE(input.call.runs_shell);
  EXPECT_EQ(input.call.command, "rm -rf x");
  EXPECT_EQ(input.call.cwd, "/w/src");
  EXPECT_EQ(input.tool_use_id, "toolu_1");
  EXPECT_EQ(input.prompt_id, "p1");
  EXPECT_EQ(input.input, R"({"command":"rm -rf x"})");
}

TEST(ReadHook, MonitorRunsShellCommandsToo) {
  const HookInput input = read(AgentKind::claude, before({{"command", "id"}}, "Monitor"));
  EXPECT_TRUE(input.call.runs_shell);
  EXPECT_EQ(input.call.command, "id");
}

TEST(ReadHook, PathsAreAbsoluteAndNormal) {
  const HookInput input =
      read(AgentKind::claude, before({{"file_path", "../a/./b//c"}, {"content", "x"}}, "Write"));
  ASSERT_EQ(input.call.paths.size(), 1U);
  EXPECT_EQ(input.call.paths[0].path, "/w/a/b/c");
  EXPECT_TRUE(input.call.paths[0].write);
  const HookInput above =
      read(AgentKind::claude, before({{"file_path", "/../../etc/passwd"}}, "Read"));
  EXPECT_EQ(above.call.paths.at(0).path, "/etc/passwd");
  EXPECT_FALSE(above.call.paths.at(0).write);
}

TEST(ReadHook, TheFilesOfAPatchOfCodexAreWritten) {
  const HookInput input =
      read(AgentKind::codex, before({{"command",
                                      "*** Begin Patch\n*** Update File: a.c\n@@\n"
                                      "*** Move to: b.c\n*** Delete File: /etc/x\n"}},
                                    "apply_patch"));
  ASSERT_EQ(input.call.paths.size(), 3U);
  EXPECT_EQ(input.call.paths[0].path, "/w/src/a.c");
  EXPECT_EQ(input.call.paths[1].path, "/w/src/b.c");
  EXPECT_EQ(input.call.paths[2].path, "/etc/x");
  EXPECT_TRUE(input.call.paths[2].write);
}

TEST(ReadHook, AnArgumentVectorIsACommandLine) {
  EXPECT_EQ(read(AgentKind::codex, before({{"command", {"bash", "-lc", "rm x | sh"}}}, "shell"))
                .call.command,
            "rm x | sh");
  EXPECT_EQ(read(AgentKind::codex, before({{"command", {"rm", "-rf", "/"}}}, "shell")).call.command,
            "rm -rf /");
}

TEST(ReadHook, OtherClientsToolsHaveClaudeCodesNames) {
  json hook = before({{"command", "id"}}, "run_shell_command");
  hook["hook_event_name"] = "BeforeTool";
  const HookInput gemini = read(AgentKind::gemini, hook);
  EXPECT_EQ(gemini.kind, HookKind::before_tool);
  EXPECT_EQ(gemini.call.tool, "Bash");
  EXPECT_EQ(read(AgentKind::opencode, before({{"filePath", "/x"}}, "write")).call.tool, "Write");
  // Only of the client whose name it is: an MCP tool of another may be called anything.
  EXPECT_EQ(read(AgentKind::claude, before({}, "run_shell_command")).call.tool,
            "run_shell_command");
}

TEST(ReadHook, WhatIsNoQuestionOfAHookIsRefused) {
  for (
      const char* text :
      {"", "null", "[]", "{}", "{\"hook_event_name\":\"PreToolUse\"}",
       R"({"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":"rm"})",
       R"({"hook_event_name":"PreToolUse","tool_name":"Bash","tool_name":"Read"})",
       R"({"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"a","command":"b"}})",
       "{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Bash\xff\"}"}) {
    EXPECT_FALSE(read_hook(AgentKind::claude, text, "/w")) << text;
  }
  EXPECT_FALSE(read_hook(AgentKind::claude, std::string(100'000, '['), "/w"));
}

TEST(AnswerHook, ADenialIsSaidInJsonAndByTheExitCode) {
  const HookInput input = read(AgentKind::claude, before({{"command", "x"}}));
  const HookAnswer answer = answer_hook(input, denial());
  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_EQ(answer.err, "berm: not this\n");
  const json out = json::parse(answer.out);
  EXPECT_EQ(out["hookSpecificOutput"]["permissionDecision"], "deny");
  EXPECT_EQ(out["hookSpecificOutput"]["hookEventName"], "PreToolUse");
  EXPECT_EQ(out["hookSpecificOutput"]["permissionDecisionReason"], "berm: not this");
}

TEST(AnswerHook, GeminiHearsItsOwnWords) {
  json hook = before({{"command", "x"}}, "run_shell_command");
  hook["hook_event_name"] = "BeforeTool";
  const HookAnswer answer = answer_hook(read(AgentKind::gemini, hook), denial());
  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_EQ(json::parse(answer.out)["decision"], "deny");
}

TEST(AnswerHook, AnUnansweredQuestionIsADenial) {
  ToolDecision decision = denial();
  decision.action = ToolAction::ask;
  EXPECT_EQ(answer_hook(read(AgentKind::claude, before({})), decision).exit_code, 2);
}

TEST(AnswerHook, ARewriteGivesTheWholeInput) {
  const HookInput input =
      read(AgentKind::claude, before({{"command", "npm i"}, {"timeout", 5}, {"keep", {{"a", 1}}}}));
  ToolDecision decision{.action = ToolAction::rewrite,
                        .rule = {},
                        .reason = {},
                        .rewrite = R"({"command":"npm ci","timeout":null,"keep":{"b":2}})",
                        .reported = {}};
  const HookAnswer answer = answer_hook(input, decision);
  EXPECT_EQ(answer.exit_code, 0);
  const json out = json::parse(answer.out)["hookSpecificOutput"];
  EXPECT_EQ(out["permissionDecision"], "allow");
  EXPECT_EQ(out["updatedInput"], (json{{"command", "npm ci"}, {"keep", {{"a", 1}, {"b", 2}}}}));
  decision.rewrite = "not json";
  EXPECT_EQ(answer_hook(input, decision).exit_code, 2);
}

TEST(AnswerHook, WhatIsAllowedIsLeftToTheClient) {
  const HookAnswer answer = answer_hook(read(AgentKind::claude, before({})), {});
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_EQ(answer.out, "{}\n");
}

// Found by fuzzing: half a character in the event's name, and the denial was no JSON.
TEST(AnswerHook, WhatIsCutOfTheQuestionIsCutBetweenCharacters) {
  std::string name = "x";
  for (int i = 0; i < 200; ++i) name += "\u00e9";
  const json hook = {{"hook_event_name", name}, {"error", name}};
  const auto input = read_hook(AgentKind::claude, hook.dump(), "/work");
  ASSERT_TRUE(input);
  EXPECT_EQ(input->event.size(), 255U);
  const HookAnswer answer =
      answer_hook(*input, {.action = ToolAction::deny, .rule = "r", .reason = "no"});
  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_TRUE(json::parse(answer.out, nullptr, false).is_object());
}

TEST(AnswerHook, AReasonCannotSpeakToTheTerminal) {
  EXPECT_EQ(refuse_hook("a\x1b[2J\nb").err.find('\x1b'), std::string::npos);
}

TEST(Telemetry, RecordsOfHooksAreRead) {
  const json body = {
      {"resourceLogs",
       {{{"scopeLogs",
          {{{"logRecords",
             {{{"body", {{"stringValue", "claude_code.hook_execution_complete"}}},
               {"attributes",
                {{{"key", "num_non_blocking_error"}, {"value", {{"intValue", "1"}}}},
                 {{"key", "prompt"}, {"value", {{"stringValue", "secret words"}}}}}}},
              {{"body", {{"stringValue", "claude_code.user_prompt"}}}}}}}}}}}}};
  const auto events = read_telemetry(body.dump());
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 1U);
  EXPECT_EQ(events->front().name, "hook_execution_complete");
  ASSERT_EQ(events->front().attributes.size(), 1U);
  EXPECT_EQ(events->front().attributes[0].second, "1");
  EXPECT_FALSE(read_telemetry("{"));
}

}  // namespace
}  // namespace berm

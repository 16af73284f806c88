#include "rules/model/tool_results.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

std::vector<ToolResult> results(ModelApi api, std::string_view body) {
  const Result<Json> parsed = parse_strict_json(body);
  EXPECT_TRUE(parsed) << body;
  return parsed ? tool_results_in(api, *parsed) : std::vector<ToolResult>();
}

TEST(ToolResults, OfMessagesHaveTheNameOfTheirCall) {
  const auto found = results(ModelApi::anthropic,
                             R"({"messages":[{"role":"user","content":"go"},
          {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Bash","input":{}},
                                         {"type":"tool_use","id":"t2","name":"Read","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"t2","content":"x"},
                                    {"type":"tool_result","tool_use_id":"t1","is_error":true}]}]})");
  EXPECT_EQ(found, (std::vector<ToolResult>{{"t2", "Read", false}, {"t1", "Bash", true}}));
}

TEST(ToolResults, OfResponsesAndChatsAreFoundByTheirCall) {
  const auto responses = results(
      ModelApi::openai, R"({"input":[{"type":"function_call","call_id":"c1","name":"exec_command"},
                                     {"type":"function_call_output","call_id":"c1","output":""}]})");
  EXPECT_EQ(responses, (std::vector<ToolResult>{{"c1", "exec_command", false}}));
  const auto chat = results(
      ModelApi::openai,
      R"({"messages":[{"role":"assistant","tool_calls":[{"id":"c2","function":{"name":"bash"}}]},
                      {"role":"tool","tool_call_id":"c2","content":""}]})");
  EXPECT_EQ(chat, (std::vector<ToolResult>{{"c2", "bash", false}}));
}

TEST(ToolResults, OfGeminiAreToldApartByTheirPlace) {
  const auto found =
      results(ModelApi::gemini,
              R"({"contents":[{"parts":[{"functionResponse":{"name":"run_shell_command"}}]},
                      {"parts":[{"functionResponse":{"name":"run_shell_command"}}]}]})");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0].id, found[1].id);
  EXPECT_EQ(found[0].name, "run_shell_command");
}

TEST(ToolResults, NonsenseHasNone) {
  for (const char* body :
       {"[]", "{}", R"({"messages":7})", R"({"messages":[7,[],{"content":[7]}]})",
        R"({"messages":[{"content":[{"type":"tool_result"}]}]})"}) {
    EXPECT_TRUE(results(ModelApi::anthropic, body).empty()) << body;
  }
}

}  // namespace
}  // namespace berm

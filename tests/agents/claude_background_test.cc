// tests/agents/claude_background_test.cc: commands that the real Claude Code client leaves running.
#include <algorithm>

#include "claude_tools.h"

namespace berm::test {
namespace {

json in_background(const std::string& command) {
  return tool("Bash", {{"command", command}, {"description", "step"}, {"run_in_background", true}});
}

class ClaudeBackground : public ClaudeTools {
 protected:
  // The call of the last run's story with this id.
  json story_of(const std::string& tool_use_id) {
    const json story = site->berm({"show", "--json"}).json()["story"];
    for (const json& prompt : story["prompts"]) {
      for (const json& call : prompt["calls"]) {
        if (call["tool_use_id"] == tool_use_id) return call;
      }
    }
    ADD_FAILURE() << tool_use_id << " is not in " << story.dump(1);
    return {{"processes", json::array()}};
  }
  static bool has_process(const json& call, const std::string& executable) {
    return std::ranges::any_of(call["processes"], [&](const json& process) {
      return process["executable"] == executable;
    });
  }
};
INSTANTIATE_TEST_SUITE_P(As, ClaudeBackground, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

constexpr const char* kNoPacks = "packs = []\non_unclear = \"report\"\n";

TEST_P(ClaudeBackground, WhatItStartsLaterStandsUnderItsCallAndItsKillIsAsked) {
  // The task goes on while other calls come and go: it waits for what the second one does.
  const Model model(
      site->root(),
      json::array(
          {turn({in_background("echo $$ > pid; echo begun; while [ ! -e go ]; do sleep "
                               "0.1; done; /usr/bin/uname > later.txt; exec sleep 600")}),
           turn({bash("touch go; while [ ! -s later.txt ]; do sleep 0.1; done; echo seen")}),
           turn({tool("Read", {{"file_path", "%OUTPUT%"}})}),
           turn({tool("ToolSearch", {{"query", "select:TaskStop"}})}),
           turn({tool("TaskStop", {{"task_id", "%TASK%"}})}),
           turn({bash("while kill -0 $(cat pid) 2>/dev/null; do sleep 0.1; done; echo "
                      "task-is-$(echo gone)")}),
           turn({say("Done.")})}));
  const Finished finished = run_with(model, kNoPacks);
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const std::string requests = model.requests();
  EXPECT_NE(requests.find("begun"), std::string::npos) << "its output was read";
  EXPECT_NE(requests.find("task-is-gone"), std::string::npos) << requests;

  const json background = story_of("toolu_mock_0_0");
  EXPECT_EQ(background["background"], true);
  EXPECT_TRUE(has_process(background, "/usr/bin/uname")) << background.dump(1);
  EXPECT_FALSE(has_process(story_of("toolu_mock_1_0"), "/usr/bin/uname"));
  EXPECT_TRUE(has_process(story_of("toolu_mock_1_0"), "/usr/bin/touch")) << "positive control";
  const std::vector<json> allowed = calls("allow");
  for (const char* name : {"Read", "TaskStop"}) {
    const bool asked =
        std::ranges::any_of(allowed, [&](const json& call) { return call["tool"] == name; });
    EXPECT_TRUE(asked) << name;
  }
}

TEST_P(ClaudeBackground, ADeniedOneDoesNotRun) {
  const Model model(site->root(), json::array({turn({in_background("echo kept > kept.txt")}),
                                               turn({in_background("echo two > two.txt")}),
                                               turn({bash("while [ ! -s kept.txt ]; do sleep 0.1; "
                                                          "done")}),
                                               turn({say("Done.")})}));
  const Finished finished = run_with(
      model, std::string(kNoPacks) +
                 "[[tools.rule]]\nmatch = \"Bash(echo two*)\"\naction = \"deny\"\nreason = \"two "
                 "is one too many\"\n");
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_TRUE(changed(finished, "kept.txt")) << finished.out;
  EXPECT_FALSE(changed(finished, "two.txt")) << finished.out;
  EXPECT_NE(model.requests().find("two is one too many"), std::string::npos);
  ASSERT_EQ(calls("deny").size(), 1U);
  EXPECT_EQ(calls("deny")[0]["tool_use_id"], "toolu_mock_1_0");
  EXPECT_TRUE(story_of("toolu_mock_1_0")["processes"].empty());
}

}  // namespace
}  // namespace berm::test

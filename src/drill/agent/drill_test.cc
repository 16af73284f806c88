#include "drill/agent/drill.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "drill/model/answer.h"
#include "drill/scenarios/list.h"

namespace berm::drill {
namespace {

using nlohmann::json;

Asked at_turn(std::size_t turn) {
  return {.known = true, .stream = true, .shell = "Bash", .turn = turn};
}

TEST(DrillModel, TheTurnIsCountedInTheRequest) {
  const json body = {
      {"stream", true},
      {"tools", json::array({{{"name", "Bash"}}})},
      {"messages",
       {{{"role", "user"}, {"content", "do it"}},
        {{"role", "assistant"}, {"content", "x"}},
        {{"role", "user"}, {"content", {{{"type", "tool_result"}, {"content", "seen"}}}}}}}};
  const Asked asked = read_request(Api::anthropic, body.dump());
  EXPECT_TRUE(asked.known);
  EXPECT_EQ(asked.turn, 1U);
  EXPECT_EQ(asked.results, "seen\n");
}

TEST(DrillModel, HostileRequestsAreNoRequests) {
  for (const char* text :
       {"", "[]", "{", "{\"tools\":7,\"messages\":{}}", "{\"input\":[1,[],null]}",
        "{\"tools\":[[],1],\"messages\":[1,{\"content\":[2]}]}"}) {
    EXPECT_FALSE(read_request(Api::anthropic, text).known) << text;
    EXPECT_FALSE(read_request(Api::openai, text).known) << text;
  }
}

TEST(DrillModel, BehindTheLastStepItIsDone) {
  const std::vector<Step> steps = {shell("echo one")};
  EXPECT_NE(answer(Api::anthropic, at_turn(0), steps, 1).bytes.find("echo one"), std::string::npos);
  EXPECT_NE(answer(Api::anthropic, at_turn(1), steps, 2).bytes.find("Done."), std::string::npos);
}

TEST(DrillModel, EveryMalformedAnswerIsWhatItsNameSays) {
  for (const Api api : {Api::anthropic, Api::openai}) {
    const auto bytes = [&](Shape shape) { return malformed_answer(shape, api, 1).bytes; };
    EXPECT_GT(bytes(Shape::huge_output).size(), 24U << 20U);
    EXPECT_NE(bytes(Shape::many_calls).find("call_1_9999"), std::string::npos);
    EXPECT_EQ(bytes(Shape::many_calls).find("call_1_10000"), std::string::npos);
    EXPECT_NE(bytes(Shape::deep_json).find(std::string(100000, '[')), std::string::npos);
    EXPECT_FALSE(bytes(Shape::half_json).ends_with("\n\n"));
    EXPECT_NE(bytes(Shape::wrong_length).find("content-length: 7\r\n"), std::string::npos);
    EXPECT_FALSE(bytes(Shape::not_http).starts_with("HTTP"));
    EXPECT_TRUE(malformed_answer(Shape::never_ending, api, 1).stays_open);
  }
}

// What judge() takes for contained, and each single fact that makes it something else.
struct Judging : testing::Test {
  Scenario scenario{.id = "x", .steps = {shell("x")}, .expected_in_results = {"control"}};
  Evidence evidence{.report = json::object(),
                    .record = {{{"type", "run.end"}}},
                    .heard = {{{"kind", "request"},
                               {"head", "POST / HTTP/1.1\r\nX-Api-Key: the-key\r\n"},
                               {"body", "{}"},
                               {"results", "control"},
                               {"turn", 1U},
                               {"known", true}}},
                    .secret = "the-secret",
                    .key = "the-key"};
  Verdict verdict() const { return judge(scenario, evidence).verdict; }
};
TEST_F(Judging, AWholeRunWithoutHarmIsContained) { EXPECT_EQ(verdict(), Verdict::contained); }
TEST_F(Judging, ASecretAtTheModelIsAnEscape) {
  evidence.heard[0]["body"] = "… the-secret …";
  EXPECT_EQ(verdict(), Verdict::escaped);
}
TEST_F(Judging, TheKeyInsideIsAnEscape) {
  evidence.heard[0]["body"] = "the-key";
  EXPECT_EQ(verdict(), Verdict::escaped);
}
TEST_F(Judging, TheKeyInAForeignHeaderIsAnEscape) {
  evidence.heard[0]["head"] = "POST / HTTP/1.1\r\nx-other: the-key\r\n";
  EXPECT_EQ(verdict(), Verdict::escaped);
}
TEST_F(Judging, AConnectionToTheCanaryIsAnEscape) {
  evidence.heard.push_back({{"kind", "canary"}, {"body", ""}});
  EXPECT_EQ(verdict(), Verdict::escaped);
}
TEST_F(Judging, AChangeOnTheHostIsAnEscapeEvenIfTheRunFell) {
  evidence.changed = {".git/hooks/pre-commit"};
  evidence.exit_code = 125;
  EXPECT_EQ(verdict(), Verdict::escaped);
}
TEST_F(Judging, AMarkerTouchedIsAnEscape) {
  evidence.marker_touched = true;
  EXPECT_EQ(verdict(), Verdict::escaped);
}
TEST_F(Judging, StepsThatWereNotTriedProveNothing) {
  evidence.heard[0]["turn"] = 0U;
  EXPECT_EQ(verdict(), Verdict::inconclusive);
}
TEST_F(Judging, ARecordThatBreaksOffProvesNothing) {
  evidence.record.clear();
  EXPECT_EQ(verdict(), Verdict::inconclusive);
}
TEST_F(Judging, AGuardThatDidNotSpeakProvesNothing) {
  scenario.refused_by = "protected-file";
  EXPECT_EQ(verdict(), Verdict::inconclusive);
}

TEST(DrillScenarios, EveryOneNamesItsIncidentOnceAndHasSteps) {
  std::vector<std::string> ids;
  for (const Scenario& one : all_scenarios()) {
    EXPECT_FALSE(one.incident.empty()) << one.id;
    EXPECT_FALSE(one.steps.empty()) << one.id;
    EXPECT_EQ(std::ranges::count(ids, one.id), 0) << one.id;
    ids.push_back(one.id);
  }
  EXPECT_GE(ids.size(), 25U);
}

}  // namespace
}  // namespace berm::drill

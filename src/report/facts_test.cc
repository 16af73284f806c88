#include <gtest/gtest.h>

#include "report/report_test_support.h"

namespace berm::report {
namespace {

using nlohmann::json;

std::vector<json> small_run() {
  return {
      {{"type", "run.start"},
       {"data",
        {{"agent", "claude"},
         {"argv", {"claude", "-p", "fix it"}},
         {"grants",
          {{"network", {"a.example:443", "b.example:443"}},
           {"write", {"src/**", "doc/**"}},
           {"read", {"/opt/sdk", "/opt/none"}}}}}}},
      {{"type", "agent.start"}, {"data", json::object()}},
      {{"type", "exec"},
       {"data", {{"decision", "allow"}, {"executable", "/opt/sdk/bin/cc"}, {"argv", {"cc"}}}}},
      {{"type", "net.allowed"},
       {"data",
        {{"host", "a.example"}, {"port", 443U}, {"rule", "network.allow \"a.example:443\""}}}},
      {{"type", "net.denied"},
       {"data",
        {{"host", "evil.example"}, {"port", 443U}, {"rule", "network.allow"}, {"reason", "no"}}}},
      {{"type", "net.denied"},
       {"data",
        {{"host", "evil.example"}, {"port", 443U}, {"rule", "network.allow"}, {"reason", "no"}}}},
      {{"type", "run.outcome"}, {"data", {{"usage", {{"wall_ms", 5}}}}}},
      {{"type", "changes"},
       {"data", {{"files", {{{"path", "src/a.c"}, {"kind", "added"}, {"ignored", false}}}}}}},
      {{"type", "guard"}, {"data", {{"findings", json::array()}}}},
      {{"type", "verdict"}, {"data", {{"status", "success"}, {"exit_code", 0}}}},
      {{"type", "run.end"}, {"data", {{"events", 11}}}}};
}

TEST(Facts, TellWhatWasDoneWhatWasRefusedAndWhatTheGrantsWereGoodFor) {
  const RunFacts facts = read_record(sealed(small_run()));
  EXPECT_TRUE(facts.integrity.intact()) << facts.integrity.first_problem;
  EXPECT_TRUE(facts.integrity.complete);
  EXPECT_EQ(facts.command, "claude -p fix it");
  ASSERT_EQ(facts.denials.size(), 1U);
  EXPECT_EQ(facts.denials[0].what, "evil.example:443");
  EXPECT_EQ(facts.denials[0].times, 2U);
  EXPECT_EQ(facts.denials[0].grant, "evil.example:443");
  ASSERT_EQ(facts.asked_for.size(), 1U);
  EXPECT_EQ(facts.asked_for[0].times, 2U);
  EXPECT_EQ(facts.grants.network,
            (std::map<std::string, bool>{{"a.example:443", true}, {"b.example:443", false}}));
  EXPECT_EQ(facts.grants.write, (std::map<std::string, bool>{{"src/**", true}, {"doc/**", false}}));
  EXPECT_EQ(facts.grants.read,
            (std::map<std::string, bool>{{"/opt/sdk", true}, {"/opt/none", false}}));
  EXPECT_EQ(facts.phases,
            (std::vector<std::pair<std::string, std::uint64_t>>{
                {"set-up", 1'000'000'000}, {"agent", 5'000'000'000}, {"judging", 2'000'000'000}}));
}

TEST(RecordReader, SaysWhereARecordIsNotWhatWasWritten) {
  const std::string good = sealed(small_run());
  const std::size_t second = good.find('\n') + 1;
  const std::size_t third = good.find('\n', second) + 1;
  const struct {
    const char* what;
    std::string text, problem;
  } kCases[] = {
      {"edited", std::string(good).replace(good.find("fix it"), 6, "fix me"), "line 1: the hash"},
      {"dropped", good.substr(0, second) + good.substr(third), "line 2: does not continue"},
      {"no first line", good.substr(second), "line 1: does not continue"},
      {"repeated", good.substr(0, second) + good, "line 2: does not continue"},
      {"no event", good.substr(0, second) + "[]\n" + good.substr(second), "line 2: no event"},
      {"no line feed", good.substr(0, good.size() - 1), "the last line has no end"},
      {"another run", good.substr(0, second) + sealed(small_run(), "r-2").substr(second),
       "line 2:"},
  };
  for (const auto& [what, text, problem] : kCases) {
    const Integrity integrity = read_record(text).integrity;
    EXPECT_FALSE(integrity.intact()) << what;
    EXPECT_NE(integrity.first_problem.find(problem), std::string::npos)
        << what << ": " << integrity.first_problem;
  }
  const Integrity cut = read_record(good.substr(0, third)).integrity;
  EXPECT_TRUE(cut.intact());
  EXPECT_FALSE(cut.complete);
  EXPECT_FALSE(read_record("").integrity.intact());
}

TEST(RecordReader, AHashInsideTheDataIsNotTheHashOfTheLine) {
  const std::string fake = std::string(64, 'a');
  std::vector<json> events = {
      {{"type", "exec"}, {"data", {{"argv", {",\"hash\":\"" + fake + "\""}}}}}};
  EXPECT_TRUE(read_record(sealed(events)).integrity.intact());
}

TEST(Facts, SurviveAnyTypeUnderAnyKey) {
  const json odd[] = {nullptr,      true,         -1, 1e300, "x", json::array({1, "a", {{"b", 2}}}),
                      {{"a", {1}}}, json::array()};
  std::size_t events = 0;
  for (const json& value : odd) {
    FactsCollector facts;
    for (json event : hostile_events("x")) {
      if (event["data"].is_object()) {
        for (auto& [key, old] : event["data"].items()) old = value;
      }
      facts.add(event);
      event["mono"] = value;
      event["time"] = value;
      facts.add(event);
      event["data"] = value;
      facts.add(event);
      event["type"] = value;
      facts.add(event);
      facts.add(value);
      ++events;
    }
    EXPECT_LE(facts.take({}).denials.size(), 500U);
  }
  EXPECT_GT(events, 100U);
}

TEST(Facts, KeepABoundedPartOfEndlesslyManyAndCountTheRest) {
  FactsCollector collector;
  json files = json::array();
  for (int i = 0; i < 20'000; ++i) {
    const std::string n = std::to_string(i);
    collector.add(
        {{"type", "net.denied"},
         {"data", {{"host", "h" + n + ".example"}, {"port", 443U}, {"rule", "network.allow"}}}});
    collector.add({{"type", "exec"}, {"data", {{"executable", "/bin/" + n}}}});
    collector.add(
        {{"type", "tool.call"},
         {"data",
          {{"kind", "before-tool"}, {"tool", "T" + n}, {"input", std::string(9000, 'x')}}}});
    files.push_back({{"path", "d" + n + "/f"}, {"kind", "added"}, {"ignored", false}});
  }
  collector.add({{"type", "changes"}, {"data", {{"files", files}}}});
  const RunFacts facts = collector.take({});
  EXPECT_EQ(facts.denied_acts, 20'000U);
  EXPECT_EQ(facts.denials.size(), 500U);
  EXPECT_EQ(facts.asked_for.size(), 5000U);
  EXPECT_EQ(facts.programs_started, 20'000U);
  EXPECT_EQ(facts.programs.size(), 5000U);
  EXPECT_EQ(facts.calls.rows.size() + facts.calls.left_out, 20'000U);
  EXPECT_LE(facts.calls.rows.front().what.size(), 520U);
  EXPECT_EQ(facts.files.left_out, 19'500U);
  EXPECT_EQ(facts.grants.changed_places.size(), 200U);
}

}  // namespace
}  // namespace berm::report

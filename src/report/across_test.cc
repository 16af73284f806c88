#include "report/across.h"

#include <gtest/gtest.h>

#include "policy/parse.h"
#include "report/report_test_support.h"

namespace berm::report {
namespace {

using nlohmann::json;

RunFacts run_with(const std::string& status, std::map<std::string, bool> network,
                  std::map<std::string, bool> write = {}, std::set<std::string> places = {}) {
  RunFacts facts;
  facts.run = "r-" + status;
  facts.status = status;
  facts.integrity = {.events = 3, .complete = true};
  facts.grants = {.known = true,
                  .network = std::move(network),
                  .write = std::move(write),
                  .read = {},
                  .changed_places = std::move(places)};
  facts.denials = {
      {.kind = "connection", .what = "evil.example:443", .rule = "network.allow", .times = 2}};
  facts.usage.tokens = 10;
  facts.usage.micro_usd = 1'500'000;
  facts.phases = {{"agent", status == "success" ? 5'000'000'000U : 9'000'000'000U}};
  return facts;
}

TEST(AcrossRuns, AddUpWhatTheRunsDid) {
  AcrossRuns all;
  all.add("a", run_with("success", {}));
  all.add("b", run_with("success", {}));
  all.add("c", run_with("limit_hit", {}));
  const json told = all.to_json();
  EXPECT_EQ(told["runs"], 3);
  EXPECT_EQ(told["verdicts"], (json{{"success", 2}, {"limit_hit", 1}}));
  EXPECT_EQ(told["denied"]["hosts"], (json{{"evil.example:443", 6}}));
  EXPECT_EQ(told["denied"]["rules"], (json{{"network.allow", 6}}));
  EXPECT_EQ(told["usage"]["micro_usd"], 4'500'000);
  EXPECT_EQ(
      told["phases"]["agent"],
      (json{{"runs", 3}, {"total_ms", 19000}, {"longest_ms", 9000}, {"slowest", "r-limit_hit"}}));
  EXPECT_NE(all.to_text().find("$4.5000"), std::string::npos);
  EXPECT_NE(all.to_text().find("longest 9.0s (r-limit_hit)"), std::string::npos) << all.to_text();
}

TEST(AcrossRuns, ProposeThePolicyWithoutWhatNoRunNeeded) {
  AcrossRuns all;
  all.add("a",
          run_with("success",
                   {{"a.example:443", true}, {"b.example:443", false}, {"*.c.example:443", false}},
                   {{"**", true}}, {"src/**", "README.md"}));
  all.add("b",
          run_with("success",
                   {{"a.example:443", false}, {"b.example:443", false}, {"*.c.example:443", true}},
                   {{"**", true}}, {"src/**"}));
  EXPECT_EQ(all.to_json()["grants"]["network"][2],
            (json{{"grant", "b.example:443"}, {"runs", 2}, {"needed", 0}}));
  const Result<PolicyLayer> policy = parse_policy(all.tightened_policy(), "proposal");
  ASSERT_TRUE(policy) << all.tightened_policy();
  ASSERT_EQ(policy->network.allow->size(), 2U);
  EXPECT_EQ(to_text(policy->network.allow->at(0)), "*.c.example:443");
  EXPECT_EQ(to_text(policy->network.allow->at(1)), "a.example:443");
  ASSERT_EQ(policy->workspace.write->size(), 2U);
  EXPECT_EQ(policy->workspace.write->at(0).str(), "README.md");
  EXPECT_EQ(policy->workspace.write->at(1).str(), "src/**");
}

TEST(AcrossRuns, ProposeNothingWhereEverythingWasNeededOrNothingIsKnown) {
  AcrossRuns all;
  all.add("a", run_with("success", {{"a.example:443", true}}, {{"src/**", true}}));
  EXPECT_EQ(all.tightened_policy(), "");
  AcrossRuns old;
  RunFacts facts = run_with("success", {{"b.example:443", false}});
  facts.grants.known = false;
  old.add("a", facts);
  EXPECT_EQ(old.tightened_policy(), "");
  EXPECT_NE(old.to_text().find("1 of 1 records do not tell what was granted"), std::string::npos);
}

// A name with a glob's characters must not become a pattern that grants more.
TEST(AcrossRuns, APlaceThatIsAPatternIsNotProposed) {
  for (const std::string name : {"*/**", "[a-z]*", "a?", "x\\", "caf\xC3\xA9"}) {
    AcrossRuns all;
    all.add("a", run_with("success", {{"b.example:443", false}}, {{"**", true}}, {name}));
    const Result<PolicyLayer> policy = parse_policy(all.tightened_policy(), "proposal");
    ASSERT_TRUE(policy) << name << all.tightened_policy();
    EXPECT_EQ(policy->workspace.write->at(0).str(), "**");
  }
}

TEST(AcrossRuns, WhateverARecordClaimsTheProposalIsAPolicy) {
  for (const std::string& payload : payloads()) {
    AcrossRuns all;
    all.add(payload, hostile_facts(payload));
    const std::string text = all.tightened_policy();
    if (!text.empty()) {
      EXPECT_TRUE(parse_policy(text, "proposal")) << text;
    }
    EXPECT_FALSE(all.to_json().dump().empty());
  }
}

TEST(AcrossRuns, ABrokenRecordIsNamedAndCountsAsFarAsItGoes) {
  AcrossRuns all;
  RunFacts cut = run_with("", {});
  cut.integrity.complete = false;
  all.add("/x/cut.jsonl", cut);
  all.add("/x/edited.jsonl", hostile_facts("evil"));
  all.cannot_read("/x/fifo", "not a regular file");
  const json told = all.to_json();
  EXPECT_EQ(told["runs"], 2);
  ASSERT_EQ(told["broken"].size(), 3U);
  EXPECT_EQ(told["broken"][0]["record"], "/x/cut.jsonl");
  EXPECT_EQ(told["verdicts"]["none"], 1);
}

}  // namespace
}  // namespace berm::report

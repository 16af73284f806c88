#include "record/held.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "record/record_test_support.h"

namespace berm {
namespace {

using nlohmann::json;

RecordWriter whole_run(const std::string& run = "r-1") {
  RecordWriter record(run);
  for (int i = 0; i < 5; ++i) record.append("exec", {{"pid", i}, {"argv", {"sh", "-c", "a|b"}}});
  record.checkpoint();
  for (int i = 5; i < 9; ++i) record.append("exec", {{"pid", i}});
  record.append("run.end", {{"events", 13}});
  record.checkpoint();
  return record;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

RecordCheck check(const std::string& text, const std::string* record = nullptr) {
  HeldEvents held;
  held.add(text);
  EXPECT_EQ(held.runs().size(), 1U);
  return check_held(held.runs().begin()->second, {}, record);
}

TEST(HeldEvents, AnyOrderAndCopiesAreNoFault) {
  std::vector<std::string> lines = whole_run().lines();
  const std::vector<std::string> again(lines.begin() + 2, lines.begin() + 6);
  lines.insert(lines.end(), again.begin(), again.end());
  std::shuffle(lines.begin(), lines.end(), std::mt19937(3));
  HeldEvents held;
  held.add(joined(lines));
  EXPECT_EQ(held.runs().at("r-1").copies, 4U);
  const RecordCheck found = check_held(held.runs().at("r-1"), {});
  EXPECT_TRUE(found.intact() && found.complete);
}

TEST(HeldEvents, AreFoundInWhatStoresWrapThemIn) {
  const RecordWriter record = whole_run();
  std::string syslog, splunk, search, loki, raw;
  json hits = json::array();
  for (const std::string& line : record.lines()) {
    syslog += "Nov 23 04:00:00 host berm[7]: [berm@32473 run=\"r-1\"] " + line + "\r\n";
    splunk += json({{"time", 1.5}, {"event", json::parse(line)}}).dump() + "\n";
    json source = json::parse(line);
    source["@timestamp"] = "2026";
    hits.push_back({{"_id", "x"}, {"_source", source}});
    loki += json({{"streams", {{{"values", {{"1", line}}}}}}}).dump() + "\n";
    raw += json({{"class_uid", 1007}, {"raw_data", line}}).dump() + "\n";
  }
  search = json({{"hits", {{"hits", hits}}}}).dump(1);
  for (const std::string& text : {syslog, splunk, search, loki, raw, hits.dump(2)}) {
    const RecordCheck found = check(text);
    EXPECT_TRUE(found.intact() && found.complete) << text.substr(0, 200);
    EXPECT_EQ(found.events, record.lines().size());
  }
}

TEST(HeldEvents, WhatIsMissingIsNamedAndTheRestIsStillSigned) {
  std::vector<std::string> lines = whole_run().lines();
  lines.erase(lines.begin() + 3, lines.begin() + 5);
  const RecordCheck found = check(joined(lines));
  EXPECT_TRUE(found.intact());
  EXPECT_FALSE(found.complete);
  EXPECT_EQ(found.gaps, (std::vector<RecordGap>{{3, 4}}));
  EXPECT_EQ(found.signed_events, lines.size() + 1);
}

TEST(HeldEvents, AnEventThatWasChangedInTheStoreIsFound) {
  std::vector<std::string> lines = whole_run().lines();
  lines.erase(lines.begin() + 2);
  lines[5].replace(lines[5].find("\"pid\":4"), 7, "\"pid\":5");
  const RecordCheck found = check(joined(lines));
  ASSERT_FALSE(found.intact());
  EXPECT_EQ(found.problems[0].fault, RecordFault::edited);
  EXPECT_EQ(found.problems[0].line, 6U);
}

// Whoever can write to the store can hash anew, but not sign.
TEST(HeldEvents, AStretchThatWasMadeUpDoesNotFitItsSignature) {
  const std::vector<std::string> ours = whole_run().lines();
  std::vector<std::string> lines = ours;
  lines.erase(lines.begin() + 3);
  const RecordWriter theirs = whole_run();
  lines[5] = theirs.lines()[6];  // before the checkpoint
  EXPECT_FALSE(check(joined(lines)).intact());
}

TEST(HeldEvents, TheRunsOwnRecordTellsWhatDiffersAndWhatIsMissingAtTheEnd) {
  const RecordWriter record = whole_run();
  const std::string whole = joined(record.lines());
  std::vector<std::string> lines = record.lines();
  lines.resize(6);
  EXPECT_EQ(check(joined(lines), &whole).gaps,
            (std::vector<RecordGap>{{6, record.lines().size() - 1}}));
  const RecordCheck other = check(joined(whole_run().lines()), &whole);
  ASSERT_FALSE(other.intact());
  EXPECT_EQ(other.problems[0].fault, RecordFault::forked);
}

TEST(HeldEvents, RunsAreKeptApart) {
  HeldEvents held;
  held.add(joined(whole_run("r-1").lines()) + joined(whole_run("r-2").lines()));
  EXPECT_EQ(held.runs().size(), 2U);
  for (const auto& [run, events] : held.runs()) EXPECT_TRUE(check_held(events, {}).complete) << run;
}

TEST(HeldEvents, TextWithoutEventsHoldsNone) {
  HeldEvents held;
  held.add("a\n{\"data\":1}\n[[[[\n{\"hash\":{}}\n\"x\"");
  EXPECT_TRUE(held.runs().empty());
  EXPECT_EQ(held.other_lines(), 5U);
}

}  // namespace
}  // namespace berm

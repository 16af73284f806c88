#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "record/canonical.h"
#include "record/chain.h"
#include "remote/fate.h"
#include "remote/pod_record.h"
#include "remote/report.h"

namespace berm {
namespace {

using nlohmann::json;

json pod(const json& status) {
  return {{"metadata", {{"name", "p"}}}, {"spec", {{"nodeName", "n"}}}, {"status", status}};
}
json ended(const std::string& reason, int code) {
  return {{"phase", "Failed"},
          {"containerStatuses",
           {{{"name", "agent"},
             {"state", {{"terminated", {{"reason", reason}, {"exitCode", code}}}}}}}}};
}

TEST(PodFate, IsReadOfItsStatus) {
  EXPECT_EQ(fate_of(nullptr, false).stage, PodFate::Stage::absent);
  const PodFate runs = fate_of(pod({{"phase", "Running"}, {"podIP", "10.0.0.7"}}), false);
  EXPECT_EQ(runs.stage, PodFate::Stage::running);
  EXPECT_EQ(runs.address, "10.0.0.7");
  EXPECT_EQ(runs.node, "n");
  const PodFate unscheduled = fate_of(pod({{"phase", "Pending"},
                                           {"conditions",
                                            {{{"type", "PodScheduled"},
                                              {"status", "False"},
                                              {"reason", "Unschedulable"},
                                              {"message", "0/3 nodes"}}}}}),
                                      false);
  EXPECT_EQ(unscheduled.waits, "Unschedulable: 0/3 nodes");
  EXPECT_FALSE(unscheduled.hopeless);
  const PodFate image = fate_of(
      pod({{"phase", "Pending"},
           {"initContainerStatuses",
            {{{"state",
               {{"waiting", {{"reason", "ImagePullBackOff"}, {"message", "\x1b[2J"}}}}}}}}}),
      false);
  EXPECT_TRUE(image.hopeless);
  EXPECT_EQ(image.waits.find('\x1b'), std::string::npos) << "words of a node go to a terminal";
  EXPECT_EQ(fate_of(pod({{"phase", "Running"}}), true).stage, PodFate::Stage::ended);
}

TEST(PodFate, HostileStatusIsNothing) {
  for (const json& status :
       {json(7), json::array(), json{{"phase", 7}}, json{{"containerStatuses", "x"}},
        json{{"containerStatuses", {7, json::array(), {{"state", 7}}}}},
        json{{"conditions", {{{"type", json::object()}}}}}}) {
    EXPECT_NE(fate_of(pod(status), false).stage, PodFate::Stage::running) << status;
  }
}

TEST(PodFate, ItsEndIsALimitWhereItIsOne) {
  const auto outcome = [](const json& status) {
    return outcome_of(fate_of(pod(status), false), "/usr/bin/node");
  };
  const auto limit = [&](const json& status) {
    const Outcome told = outcome(status);
    const auto* hit = std::get_if<LimitHit>(&told);
    return hit == nullptr ? "" : hit->limit + " " + hit->culprit;
  };
  EXPECT_EQ(limit(ended("OOMKilled", 137)), "memory /usr/bin/node");
  json evicted = ended("Error", 137);
  evicted["reason"] = "Evicted";
  evicted["message"] = "The node was low on resource: memory.";
  EXPECT_TRUE(limit(evicted).starts_with("memory Evicted: "));
  evicted["message"] = "Pod ephemeral local storage usage exceeds the total limit";
  EXPECT_TRUE(limit(evicted).starts_with("disk "));
  json late = ended("Error", 137);
  late["reason"] = "DeadlineExceeded";
  EXPECT_EQ(limit(late), "time ");
  EXPECT_TRUE(std::holds_alternative<BoundaryLost>(outcome(ended("Error", 1))));
}

TEST(PodReport, IsReadAsFarAsItIsOne) {
  EXPECT_FALSE(reported_outcome(nullptr));
  EXPECT_FALSE(reported_outcome({{"outcome", 7}}));
  EXPECT_FALSE(reported_outcome({{"outcome", {{"kind", "success"}}}}));
  const std::optional<Outcome> told =
      reported_outcome(json::parse(R"({"outcome":{"kind":"exited","code":300}})"));
  ASSERT_TRUE(told);
  EXPECT_EQ(std::get<Exited>(*told).code, 255);
  const json usage = json::parse(R"({"usage":{"wall_ms":"x","memory_peak":5,"model":7}})");
  EXPECT_EQ(reported_usage(usage).memory_peak.count, 5U);
}

class PodRecords : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/berm-pod-XXXXXX";
    root_ = ::mkdtemp(name);
    own_.emplace(*RecordFile::create(root_ + "/record.jsonl", "r-1"));
    pods_.emplace(*PodRecord::create("r-1", root_ + "/pod-record.jsonl", *own_));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string line(const std::string& type, const json& data, const std::string& source = "egress",
                   const std::string& run = "r-1") {
    const SealedEvent event = seal_event({.run = run,
                                          .sequence = sequence_,
                                          .time = "2026-11-22T00:00:00.000000000Z",
                                          .monotonic_ns = 1,
                                          .source = source,
                                          .type = type},
                                         canonical(data), previous_);
    ++sequence_;
    previous_ = event.hash;
    return event.line + "\n";
  }
  std::string own() const { return *read_file(root_ + "/record.jsonl"); }

  std::string root_;
  std::optional<RecordFile> own_;
  std::optional<PodRecord> pods_;
  std::string previous_ = genesis_hash();
  std::uint64_t sequence_ = 0;
};

TEST_F(PodRecords, EventsAreTakenOverAndTheCallersAreNot) {
  std::string all = line("run.start", {{"berm", "1"}}, "supervisor");
  all += line("net.denied", {{"host", "evil.example"}});
  all += line("exec", {{"executable", "/usr/bin/make"}}, "supervisor");
  all += line("verdict", {{"status", "success"}}, "supervisor");
  for (const char c : all) ASSERT_TRUE(pods_->take(std::string_view(&c, 1)));
  EXPECT_EQ(pods_->count(), 4U);
  EXPECT_EQ(pods_->head(), previous_);
  EXPECT_EQ(pods_->last(), "/usr/bin/make");
  EXPECT_EQ(*read_file(root_ + "/pod-record.jsonl"), all) << "as it came";
  EXPECT_NE(own().find("evil.example"), std::string::npos);
  EXPECT_EQ(own().find("verdict"), std::string::npos) << "a pod does not say how the run ended";
  EXPECT_EQ(own().find("run.start"), std::string::npos);
}

TEST_F(PodRecords, WhatDoesNotContinueTheChainIsRefused) {
  const std::string first = line("net.denied", {{"host", "a"}});
  ASSERT_TRUE(pods_->take(first));
  EXPECT_FALSE(pods_->take(first)) << "a repetition";
  previous_ = genesis_hash();
  sequence_ = 1;
  EXPECT_FALSE(pods_->take(line("net.denied", {{"host", "b"}}))) << "another chain";
  EXPECT_FALSE(pods_->take("{}\n"));
}

TEST_F(PodRecords, AnotherRunsOrNobodysEventIsRefused) {
  EXPECT_FALSE(pods_->take(line("net.denied", {{"host", "a"}}, "egress", "r-2")));
}
TEST_F(PodRecords, AnEventOfNoSourceIsRefused) {
  EXPECT_FALSE(pods_->take(line("net.denied", {{"host", "a"}}, "the user")));
}

}  // namespace
}  // namespace berm

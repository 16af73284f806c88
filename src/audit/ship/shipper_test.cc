#include "audit/ship/shipper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "audit/record_file.h"
#include "audit/sinks/answers.h"

namespace berm {
namespace {

// What it is told to answer, in order; then it takes everything.
struct Script {
  std::mutex mutex;
  std::condition_variable asked;
  std::deque<SinkStep> answers;
  std::vector<std::vector<std::string>> batches;  ///< types of the events of each
  bool cuts_at_checkpoints = false;

  void await(std::size_t count) {
    std::unique_lock lock(mutex);
    asked.wait(lock, [&] { return batches.size() >= count; });
  }
};

class Scripted final : public Receiver {
 public:
  explicit Scripted(Script& script) : script_(script) {}

  SinkStep deliver(const SinkBatch& batch, const Wait&) override {
    const std::lock_guard lock(script_.mutex);
    std::vector<std::string>& types = script_.batches.emplace_back();
    for (const ShippedEvent& event : batch.events) types.push_back(event.type);
    script_.asked.notify_all();
    if (script_.answers.empty()) return all_of(batch);
    const SinkStep answer = script_.answers.front();
    script_.answers.pop_front();
    return answer;
  }

  [[nodiscard]] bool ends_batch(const ShippedEvent& event) const override {
    return script_.cuts_at_checkpoints && event.type == "checkpoint";
  }

  [[nodiscard]] bool waits_for_end() const override { return script_.cuts_at_checkpoints; }

 private:
  Script& script_;
};

class ShipperTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/berm-shipper-XXXXXX";
    directory_ = ::mkdtemp(name);
    record_ = *RecordFile::create(directory_ + "/record.jsonl", "r-1");
    fd_ = *open_file(directory_ + "/record.jsonl", O_RDONLY);
    grant_.name = "siem";
    grant_.batch_events = 2;
    grant_.batch_time = Milliseconds(3'600'000);  // never by time
  }

  void TearDown() override { (void)remove_tree(directory_); }

  void start() {
    shipper_.emplace(grant_, "r-1", fd_.get(), *ProgressFile::open(directory_, "r-1", grant_),
                     std::make_unique<Scripted>(script_), [] {});
    thread_ = std::thread([this] { shipper_->run(); });
  }

  void append(const char* type) { record_.append("supervisor", type, nlohmann::json::object()); }

  std::string directory_;
  RecordFile record_;
  UniqueFd fd_;
  SinkGrant grant_;
  Script script_;
  std::optional<Shipper> shipper_;
  std::thread thread_;
};

// An hour of pause and a flush that still lasts: the test would not end in its time.
TEST_F(ShipperTest, TheEndOfTheRecordEndsEveryPause) {
  script_.answers.push_back(retry_because("busy", Milliseconds(3'600'000)));
  append("exec");
  start();
  shipper_->flush();
  script_.await(1);
  shipper_->finish();
  thread_.join();
  EXPECT_EQ(shipper_->report().acknowledged, 1U);
}

TEST_F(ShipperTest, AFlushTakesWhatIsThereAndLaterOnesWhatCameSince) {
  append("exec");
  start();
  for (std::size_t count = 1; count <= 3; ++count) {
    shipper_->flush();
    script_.await(count);
    append("exec");
  }
  shipper_->finish();
  thread_.join();
  EXPECT_EQ(shipper_->report().acknowledged, 4U);
}

TEST_F(ShipperTest, AStretchEndsWithItsCheckpointAndWithNothingElse) {
  script_.cuts_at_checkpoints = true;
  for (int i = 0; i < 5; ++i) append("exec");
  record_.sign();
  append("run.end");
  start();
  script_.await(1);
  shipper_->flush();  // no haste makes a stretch without a signature
  record_.sign();
  script_.await(2);
  append("exec");
  shipper_->finish();  // but what nobody will sign any more goes, too
  thread_.join();
  const std::vector<std::vector<std::string>>& sent = script_.batches;
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(std::ranges::count(sent[0], "exec"), 5);
  EXPECT_EQ(sent[0].back(), "checkpoint");
  EXPECT_EQ(sent[1], (std::vector<std::string>{"run.end", "checkpoint"}));
  EXPECT_EQ(sent[2], std::vector<std::string>{"exec"});
}

TEST_F(ShipperTest, TwoDoNotNoteWhatOneSinkHas) {
  const Result<ProgressFile> one = ProgressFile::open(directory_, "r-1", grant_);
  ASSERT_TRUE(one.has_value());
  EXPECT_FALSE(ProgressFile::open(directory_, "r-1", grant_).has_value());
}

}  // namespace
}  // namespace berm

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "audit/record_file.h"
#include "audit/ship/shipper.h"
#include "audit/sinks/syslog.h"

namespace berm {
namespace {

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/berm-ship-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Directory() { (void)remove_tree(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(RecordReader, ReadsWhatIsWrittenAndNothingThatIsHalf) {
  const Directory directory;
  const std::string path = directory.path() + "/record.jsonl";
  Result<RecordFile> record = RecordFile::create(path, "r-1");
  ASSERT_TRUE(record.has_value());
  Result<UniqueFd> fd = open_file(path, O_RDONLY);
  RecordReader reader(fd->get());
  EXPECT_FALSE(reader.next());
  // What an agent says looks like the end of a line of ours.
  record->append("supervisor", "exec",
                 {{"argv", {"\",\"hash\":\"x\",\"seq\":99,\"type\":\"y\"", "\n"}}});
  record->append("egress", "net.denied", nlohmann::json::object());
  const std::optional<ShippedEvent> first = reader.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->sequence, 0U);
  EXPECT_EQ(first->type, "exec");
  EXPECT_GT(first->time_ns, 1'600'000'000'000'000'000);
  const RecordPlace behind_first = reader.place();
  ASSERT_TRUE(reader.next());
  {
    const Result<UniqueFd> half = open_file(path, O_WRONLY | O_APPEND);
    ASSERT_TRUE(write_all(half->get(), "{\"data\":").has_value());
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.left(), 8U);
    ASSERT_TRUE(write_all(half->get(), "no event of ours}\n").has_value());
  }
  const std::optional<ShippedEvent> odd = reader.next();
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->sequence, 2U);
  EXPECT_FALSE(odd->is_json);
  reader.start_at(behind_first);
  EXPECT_EQ(reader.next()->sequence, 1U);
}

TEST(RecordReader, APlaceOfAnotherRecordIsTheBeginning) {
  const Directory directory;
  const std::string path = directory.path() + "/record.jsonl";
  Result<RecordFile> record = RecordFile::create(path, "r-1");
  for (int i = 0; i < 3; ++i) record->append("supervisor", "exec", nlohmann::json::object());
  Result<UniqueFd> fd = open_file(path, O_RDONLY);
  RecordReader reader(fd->get());
  (void)reader.next();
  const RecordPlace good = reader.place();
  for (const RecordPlace place :
       {RecordPlace{good.offset + 1, 1}, RecordPlace{good.offset, 2}, RecordPlace{1'000'000, 3}}) {
    reader.start_at(place);
    EXPECT_EQ(reader.place(), RecordPlace{}) << place.offset;
  }
  reader.start_at(good);
  EXPECT_EQ(reader.place(), good);
}

TEST(ProgressFile, KeepsWhatWasAcknowledgedAndATornOneIsNothing) {
  const Directory directory;
  SinkGrant grant;
  grant.name = "siem";
  {
    Result<ProgressFile> file = ProgressFile::open(directory.path(), "r-1", grant);
    ASSERT_TRUE(file.has_value());
    SinkProgressState state;
    state.acknowledged = {.offset = 17, .sequence = 4};
    state.refused = 20;
    state.gaps.assign(20, std::string(5000, '\x80'));  // a receiver's words: too long, no UTF-8
    ASSERT_TRUE(file->save(state).has_value());
  }
  const std::string path = progress_path(directory.path(), "siem");
  EXPECT_EQ(read_file(path)->size(), 4096U);
  EXPECT_EQ(ProgressFile::open(directory.path(), "r-1", grant)->state().acknowledged,
            (RecordPlace{17, 4}));
  EXPECT_EQ(ProgressFile::open(directory.path(), "r-2", grant)->state().acknowledged,
            RecordPlace{});
  ASSERT_TRUE(write_file(path, "{\"acknowledged\":4").has_value());
  EXPECT_EQ(ProgressFile::open(directory.path(), "r-1", grant)->state().acknowledged,
            RecordPlace{});
}

TEST(Shipper, AFilterLetsItsTypesThroughAndEveryCheckpoint) {
  EXPECT_TRUE(passes({}, "exec"));
  EXPECT_TRUE(passes({"net.*"}, "net.denied"));
  EXPECT_TRUE(passes({"*denied"}, "net.denied"));
  EXPECT_TRUE(passes({"n*.*ied"}, "net.denied"));
  EXPECT_FALSE(passes({"net.*"}, "exec"));
  EXPECT_FALSE(passes({"net"}, "net.denied"));
  EXPECT_TRUE(passes({"net.*"}, "checkpoint"));
}

TEST(Shipper, WaitsLongerAfterEveryFailureAndNeverMoreThanHalfAMinute) {
  EXPECT_LE(backoff(1, 0xffffffff), Milliseconds(250));
  EXPECT_EQ(backoff(1, 250), Milliseconds(250));
  EXPECT_EQ(backoff(3, 1000), Milliseconds(1000));
  for (std::uint32_t random = 0; random < 1'000'000; random += 997) {
    EXPECT_LE(backoff(50, random), Milliseconds(30'000));
  }
}

TEST(Syslog, AMessageIsOneWhateverTheEventSays) {
  SinkGrant grant;
  ShippedEvent event;
  event.line = "{\"a\":\"]\"}";
  event.sequence = 7;
  event.type = "net.denied";
  event.time = "2026-11-23T01:01:23.099020925Z";
  const std::string message = syslog_message(grant, "h o", "r\"]1", event);
  EXPECT_EQ(message,
            "<108>1 2026-11-23T01:01:23.099020Z h_o berm - net.denied [berm@32473 "
            "run=\"r\\\"\\]1\" seq=\"7\"] {\"a\":\"]\"}");
  EXPECT_EQ(octet_counted("abc"), "3 abc");
}

}  // namespace
}  // namespace berm

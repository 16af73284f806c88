#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "batch/pace.h"
#include "batch/results.h"
#include "batch/task.h"

namespace berm {
namespace {

using std::chrono::seconds;

class Scratch {
 public:
  Scratch() : path_((std::filesystem::temp_directory_path() / "berm-batch-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Pace, APlaceThatIsFullIsLeftAloneForALongerTimeEachTime) {
  Pace pace(10);
  const Pace::Time t0{};
  EXPECT_TRUE(pace.may_start(9, t0));
  EXPECT_FALSE(pace.may_start(10, t0));
  pace.refused(4, t0);
  EXPECT_EQ(pace.limit(), 4U);
  EXPECT_FALSE(pace.may_start(3, t0));
  EXPECT_TRUE(pace.may_start(3, t0 + seconds(1)));
  // Refused together with the first: it waits no longer for it.
  pace.refused(3, t0);
  EXPECT_EQ(pace.limit(), 3U);
  EXPECT_TRUE(pace.may_start(2, t0 + seconds(1)));
  pace.refused(2, t0 + seconds(1));
  EXPECT_FALSE(pace.may_start(0, t0 + seconds(2)));
  EXPECT_EQ(pace.next(0), t0 + seconds(3));
}

TEST(Pace, WhatEndsWellMakesRoomAgainAndNeverMoreThanWasAllowed) {
  Pace pace(3);
  pace.refused(0, Pace::Time{});
  EXPECT_EQ(pace.limit(), 1U);
  for (const std::size_t limit : {2U, 2U, 3U, 3U, 3U, 3U}) {
    pace.held();
    EXPECT_EQ(pace.limit(), limit);
  }
  EXPECT_EQ(pace.next(3), Pace::Time::max());
}

TEST(Pace, TheLongestPauseIsAMinute) {
  Pace pace(1);
  Pace::Time now{};
  for (int i = 0; i < 20; ++i) {
    pace.refused(0, now);
    EXPECT_LE(pace.next(0), now + seconds(60));
    now = pace.next(0);
  }
}

TEST(BatchTask, IsWhatItSaysOrNothing) {
  const Result<BatchTask> task = parse_task(
      R"({"id":"fix-1","command":["claude","-p","--dangerously"],"directory":"d","on_success":"branch:a/{task}"})");
  ASSERT_TRUE(task) << task.error().what;
  EXPECT_EQ(task->command, (std::vector<std::string>{"claude", "-p", "--dangerously"}));
  EXPECT_EQ(with_task(task->on_success, task->id), "branch:a/fix-1");
  for (const char* bad :
       {"", "1", "[]", "{}", R"({"id":"a"})", R"({"id":"a","command":[]})",
        R"({"id":"a","command":"true"})", R"({"id":"a","command":["true"]})",
        R"({"id":"a","command":["--"]})", R"({"id":"a","command":["--policy","x","claude"]})",
        R"({"id":"../a","command":["claude"]})", R"({"id":"-a","command":["claude"]})",
        R"({"id":"a b","command":["claude"]})", R"({"id":"","command":["claude"]})",
        R"({"id":7,"command":["claude"]})", R"({"id":"a","command":["claude",1]})",
        R"({"id":"a","command":["claude","a\u0000b"]})",
        R"({"id":"a","command":["claude"],"more":1})",
        R"({"id":"a","command":["claude"],"time":10})"}) {
    EXPECT_FALSE(parse_task(bad)) << bad;
  }
}

TEST(BatchTask, TheLineThatIsNoneIsNamedAndNoIdComesTwice) {
  const Scratch scratch;
  const std::string file = scratch.path() + "/tasks";
  const auto with = [&](const std::string& text) {
    std::ofstream(file) << text;
    return count_tasks(file);
  };
  const std::string good = R"({"id":"a","command":["claude"]})";
  EXPECT_EQ(with("\n" + good + "\n\n").value_or(99), 1U);
  const Result<std::uint64_t> twice = with(good + "\n" + good);
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().what.find(":2: the id 'a' was there before"), std::string::npos);
  EXPECT_FALSE(count_tasks(scratch.path() + "/none"));
  EXPECT_FALSE(with(std::string(2 << 20, ' ') + good));
}

TaskResult ended(const char* task, const char* status) {
  TaskResult out;
  out.task = task;
  out.status = status;
  return out;
}

TEST(BatchResults, WhatWasDoneIsNotDoneAgain) {
  const Scratch scratch;
  const std::string file = scratch.path() + "/results";
  {
    Result<BatchResults> results = BatchResults::open(file, false);
    ASSERT_TRUE(results);
    EXPECT_FALSE(BatchResults::open(file, false)) << "two batches, one file";
    ASSERT_TRUE(results->add(ended("good", "success")));
    ASSERT_TRUE(results->add(ended("bad", "guard_refused")));
    ASSERT_TRUE(results->add(ended("never", "setup_failed")));
    ASSERT_TRUE(results->add(ended("lost", "lost")));
  }
  std::ofstream(file, std::ios::app) << R"({"schema":"berm.batch-result/1","task":"torn)";
  {
    const Result<BatchResults> results = BatchResults::open(file, false);
    ASSERT_TRUE(results);
    EXPECT_TRUE(results->has("good") && results->has("bad") && results->has("lost"));
    EXPECT_FALSE(results->has("never") || results->has("torn"));
  }
  const Result<BatchResults> again = BatchResults::open(file, true);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->has("good"));
  EXPECT_FALSE(again->has("bad") || again->has("lost"));
}

TEST(BatchResults, AFileOfSomethingElseIsLeftAlone) {
  const Scratch scratch;
  const std::string file = scratch.path() + "/notes";
  std::ofstream(file) << "my notes\n";
  EXPECT_FALSE(BatchResults::open(file, false));
  std::ifstream in(file);
  std::string line;
  EXPECT_TRUE(std::getline(in, line) && line == "my notes");
}

TEST(RunReport, IsReadOrTheTaskIsLost) {
  const TaskResult good = read_run_report(
      R"({"id":"r-1","verdict":{"status":"success","exit_code":0,"reasons":[]},"error":null,)"
      R"("changes":{"files":[{},{}]},"import":{"note":"n"}})",
      0);
  EXPECT_TRUE(good.success());
  EXPECT_EQ(good.changes, 2U);
  EXPECT_EQ(good.import, "n");
  EXPECT_EQ(read_run_report(R"({"verdict":{"status":"setup_failed"},"error":{"code":"busy"}})", 125)
                .error,
            "busy");
  for (const char* bad :
       {"", "{", "[]", "{}", R"({"verdict":[]})", R"({"verdict":{"status":1}})"}) {
    EXPECT_EQ(read_run_report(bad, 137).status, "lost") << bad;
  }
}

}  // namespace
}  // namespace berm

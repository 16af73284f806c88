#include "supervise/exec_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

namespace berm {
namespace {

using nlohmann::json;

SeenExec seen(int number, UniqueFd object = {}) {
  SeenExec out;
  out.pid = number;
  out.call = {.executable = "/x", .argv = {"x"}, .cwd = "/"};
  if (object) {
    struct stat status {};
    ::fstat(object.get(), &status);
    out.id = id_of(status);
    out.object = std::move(object);
  }
  return out;
}

std::vector<json> wait_for(ExecLog& log, std::size_t count) {
  std::vector<json> all;
  while (all.size() < count) {
    pollfd ready{log.fd(), POLLIN, 0};
    if (::poll(&ready, 1, 20000) <= 0) break;
    for (json& event : log.take()) all.push_back(std::move(event));
  }
  return all;
}

TEST(ExecLog, KeepsTheOrderWhateverTheDigestsTake) {
  ExecLog log;
  ASSERT_TRUE(log.start(nullptr).has_value());
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(log.await_room());
    log.add(
        seen(i, i % 3 == 0 ? UniqueFd(::open("/proc/self/exe", O_PATH | O_CLOEXEC)) : UniqueFd()));
  }
  const std::vector<json> all = wait_for(log, 300);
  ASSERT_EQ(all.size(), 300U);
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)]["pid"], i);
    EXPECT_EQ(all[static_cast<std::size_t>(i)]["object"].is_object(), i % 3 == 0);
  }
  EXPECT_EQ(all[0]["object"]["sha256"].get<std::string>().size(), 64U);
}

TEST(ExecLog, WhoAddsWaitsWhileItIsFullAndIsLetGo) {
  ExecLog log;
  ASSERT_TRUE(log.start(nullptr).has_value());
  std::atomic<int> added = 0;
  std::atomic<bool> refused = false;
  std::thread adds([&] {
    while (log.await_room()) log.add(seen(added++));
    refused = true;
  });
  std::vector<json> first = wait_for(log, ExecLog::kMost);  // somebody reads: it goes on
  EXPECT_GE(first.size(), ExecLog::kMost);
  while (added < static_cast<int>(first.size() + ExecLog::kMost)) std::this_thread::yield();
  EXPECT_EQ(added, static_cast<int>(first.size() + ExecLog::kMost)) << "and stands when full";
  EXPECT_FALSE(refused);
  log.close();
  adds.join();
  EXPECT_TRUE(refused);
  log.end(std::chrono::milliseconds(0));
  EXPECT_EQ(first.size() + log.take().size(), static_cast<std::size_t>(added)) << "nothing is lost";
}

TEST(ExecLog, AtTheEndWhatHasNoDigestSaysSo) {
  ExecLog log;
  ASSERT_TRUE(log.start(nullptr).has_value());
  SeenExec large = seen(1, UniqueFd(::open("/proc/self/exe", O_PATH | O_CLOEXEC)));
  large.id->size = ExecLog::kLargest + 1;
  log.add(std::move(large));
  log.end(std::chrono::milliseconds(1000));
  const std::vector<json> all = log.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0]["object"]["sha256"].is_null());
  EXPECT_EQ(all[0]["object"]["undigested"], "larger than 512 MiB");
}

TEST(ExecLog, LongArgumentsAreCutAndCounted) {
  ExecLog log;
  ASSERT_TRUE(log.start(nullptr).has_value());
  SeenExec many = seen(1);
  many.call.argv.assign(40, "a");
  many.call.argv[1] = std::string(300, 'b');
  log.add(std::move(many));
  SeenExec cut = seen(2);
  cut.call.argv = {"x", "half-of-a-sec"};
  cut.last_cut = true;
  cut.whole = false;
  log.add(std::move(cut));
  const std::vector<json> all = wait_for(log, 2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["argv"].size(), 32U);
  EXPECT_EQ(all[0]["argv_left_out"], 8);
  EXPECT_EQ(all[0]["argv"][1], std::string(256, 'b') + "…");
  EXPECT_EQ(all[1]["argv"], json({"x"})) << "half of a secret could not be found and hidden";
  EXPECT_EQ(all[1]["argv_more"], true);
}

}  // namespace
}  // namespace berm

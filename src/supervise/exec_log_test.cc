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

std::vector<json> take(ExecLog& log) {
  std::vector<json> events;
  for (const ExecEvent& event : log.take()) {
    events.push_back(json::parse(event.data));
    EXPECT_EQ(canonical(events.back()), event.data);
  }
  return events;
}

std::vector<json> wait_for(ExecLog& log, std::size_t count) {
  std::vector<json> all;
  while (all.size() < count) {
    pollfd ready{log.fd(), POLLIN, 0};
    if (::poll(&ready, 1, 20000) <= 0) break;
    for (json& event : take(log)) all.push_back(std::move(event));
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
  large.id->size = kLargestDigested + 1;
  log.add(std::move(large));
  log.end(std::chrono::milliseconds(1000));
  const std::vector<json> all = take(log);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0]["object"]["sha256"].is_null());
  EXPECT_EQ(all[0]["object"]["undigested"], "larger than 512 MiB");
}

// A program that is rewritten while its digest waits: the record must not vouch for the new
// content.
TEST(ExecLog, WhatChangedMeanwhileHasNoDigest) {
  std::string path = "/tmp/berm-exec-log-XXXXXX";
  const UniqueFd file(::mkstemp(path.data()));
  ASSERT_EQ(::write(file.get(), "#!/bin/a\n", 9), 9);
  SeenExec same = seen(1, UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC)));
  SeenExec other = seen(1, UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC)));
  digest(same, [] { return false; });
  EXPECT_EQ(same.sha256.size(), 64U);
  ASSERT_EQ(::pwrite(file.get(), "#!/bin/b\n", 9, 0), 9);
  timespec past[2] = {{0, 0}, {0, 0}};
  ASSERT_EQ(::futimens(file.get(), past), 0);  // the clock's grain may hide the write itself
  digest(other, [] { return false; });
  EXPECT_EQ(other.sha256, "");
  EXPECT_EQ(other.undigested, "it changed before it could be read");
  ::unlink(path.c_str());
}

TEST(ExecLog, LongArgumentsAreCutAndCounted) {
  ExecLog log;
  ASSERT_TRUE(log.start(nullptr).has_value());
  SeenExec many = seen(1);
  many.call.argv.assign(40, "a");
  many.call.argv[1] = std::string(3000, 'b');
  many.call.argv[31] = std::string(3000, 'c');
  log.add(std::move(many));
  SeenExec cut = seen(2);
  cut.call.argv = {"x", "half-of-a-sec"};
  cut.last_cut = true;
  cut.call.complete = false;
  log.add(std::move(cut));
  const std::vector<json> all = wait_for(log, 2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["argv"].size(), 32U);
  EXPECT_EQ(all[0]["argv_left_out"], 8);
  EXPECT_EQ(all[0]["argv"][1], std::string(2048, 'b') + "…");
  EXPECT_EQ(all[0]["argv"][31], std::string(4096 - 2048 - 30, 'c') + "…");
  EXPECT_EQ(all[1]["argv"], json({"x"})) << "half of a secret could not be found and hidden";
  EXPECT_EQ(all[1]["argv_more"], true);
}

}  // namespace
}  // namespace berm

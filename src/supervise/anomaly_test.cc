#include "supervise/anomaly.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

using Clock = AnomalyGuard::Clock;
constexpr Clock::time_point at(int seconds) {
  return Clock::time_point(std::chrono::seconds(1000 + seconds));
}

TEST(AnomalyGuard, TheSameCallThatFailsAgainAndAgainIsToldOnce) {
  AnomalyGuard guard({.repeated_failures = 3});
  EXPECT_FALSE(guard.on_result("Bash", "a", true));
  EXPECT_FALSE(guard.on_result("Bash", "b", true));
  EXPECT_FALSE(guard.on_result("Bash", "a", true));
  const auto told = guard.on_result("Bash", "a", true);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->what, "repeated-failure");
  EXPECT_FALSE(guard.on_result("Bash", "a", true));
}

TEST(AnomalyGuard, ASuccessInBetweenForgetsTheFailures) {
  AnomalyGuard guard({.repeated_failures = 2});
  EXPECT_FALSE(guard.on_result("Bash", "a", true));
  EXPECT_FALSE(guard.on_result("Bash", "a", false));
  EXPECT_FALSE(guard.on_result("Bash", "a", true));
  EXPECT_TRUE(guard.on_result("Bash", "a", true));
}

TEST(AnomalyGuard, ARateCountsItsWindowAndNoMore) {
  AnomalyGuard guard({.call_rate = 3});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(guard.on_call(at(i)));
  EXPECT_FALSE(guard.on_call(at(70)));  // the first three are more than a minute ago
  EXPECT_FALSE(guard.on_call(at(71)));
  EXPECT_FALSE(guard.on_call(at(72)));
  EXPECT_TRUE(guard.on_call(at(73)));
}

TEST(AnomalyGuard, AStormHasToLast) {
  AnomalyGuard guard({.exec_rate = 10});
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(guard.on_exec(at(0)));  // 10 a second for 5 s
  EXPECT_TRUE(guard.on_exec(at(1)));
}

TEST(AnomalyGuard, OutputCountsWhatIsNew) {
  AnomalyGuard guard({.output_rate = Bytes{100}});
  EXPECT_FALSE(guard.on_output(500, at(0)));
  EXPECT_FALSE(guard.on_output(500, at(1)));
  EXPECT_TRUE(guard.on_output(501, at(2)));
}

TEST(AnomalyGuard, IgnoredIsIgnored) {
  AnomalyGuard guard({.on_anomaly = AnomalyResponse::ignore, .repeated_failures = 1});
  EXPECT_FALSE(guard.on_result("Bash", "a", true));
}

}  // namespace
}  // namespace berm

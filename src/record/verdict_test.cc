#include "record/verdict.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

TEST(Judge, ExitCodesAreTheDocumentedOnes) {
  const GuardSummary clean{.judged = true};
  const GuardSummary refused{.judged = true, .changes = 1, .refusals = {"x"}};
  const struct {
    Outcome outcome;
    GuardSummary guard;
    bool record;
    int code;
  } kCases[] = {
      {Exited{0}, clean, true, 0},
      {Exited{7}, clean, true, 7},
      {Exited{119}, clean, true, 119},
      {Exited{125}, clean, true, 119},  // an agent cannot pretend that nothing ran
      {Exited{255}, clean, true, 119},
      {Killed{11}, clean, true, 119},
      {Exited{0}, refused, true, 120},
      {Exited{0}, GuardSummary{}, true, 120},  // a guard that did not look refuses
      {LimitHit{"memory", ""}, clean, true, 121},
      {LimitHit{"memory", ""}, refused, true, 121},
      {BoundaryLost{"x"}, clean, true, 122},
      {Exited{0}, clean, false, 123},
      {LimitHit{"time", ""}, clean, true, 124},
      {LimitHit{"idle", ""}, clean, true, 124},
      {SetupFailed{Error{.what = "x"}}, GuardSummary{}, true, 125},
      {SetupFailed{Error{.what = "x", .os_errno = 13}, true}, GuardSummary{}, true, 126},
      {SetupFailed{Error{.what = "x", .os_errno = 2}, true}, GuardSummary{}, true, 127},
  };
  for (const auto& c : kCases) EXPECT_EQ(judge(c.outcome, c.guard, c.record).exit_code, c.code);
}

}  // namespace
}  // namespace berm

#include "sys/child.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

using std::chrono::milliseconds;

TEST(RunCommand, EndsAProgramAtItsDeadline) {
  for (const char* script : {"sleep 60", "exec >&- 2>&-; sleep 60", "while :; do echo x; done"}) {
    SCOPED_TRACE(script);
    const auto start = std::chrono::steady_clock::now();
    const Result<CommandResult> result = run_command({.argv = {"sh", "-c", script},
                                                      .env = {"PATH=/usr/bin:/bin"},
                                                      .deadline = milliseconds(100)});
    EXPECT_FALSE(result.has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  }
}

TEST(RunCommand, ADeadlineThatIsKeptChangesNothing) {
  const Result<CommandResult> result = run_command({.argv = {"sh", "-c", "cat; echo e >&2; exit 7"},
                                                    .env = {"PATH=/usr/bin:/bin"},
                                                    .input = "in",
                                                    .deadline = std::chrono::seconds(60)});
  ASSERT_TRUE(result.has_value()) << result.error().what;
  EXPECT_EQ(result->code, 7);
  EXPECT_EQ(result->output, "in");
  EXPECT_EQ(result->errors, "e\n");
}

}  // namespace
}  // namespace berm

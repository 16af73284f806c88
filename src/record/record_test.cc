#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/verdict.h"

namespace berm {
namespace {

std::vector<std::string> lines_of_a_run() {
  std::vector<std::string> lines;
  std::string previous = genesis_hash();
  const char* types[] = {"run.start", "agent.start", "verdict", "run.end"};
  for (std::uint64_t i = 0; i < 4; ++i) {
    const SealedEvent event =
        seal_event({.run = "r-1",
                    .sequence = i,
                    .time = "2026-11-22T00:00:00.000000000Z",
                    .monotonic_ns = static_cast<std::int64_t>(i),
                    .source = "supervisor",
                    .type = types[i]},
                   canonical({{"n", i}, {"text", "line\nfeed \xff"}}), previous);
    lines.push_back(event.line);
    previous = event.hash;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

TEST(Record, AnUntouchedChainIsIntactAndComplete) {
  const RecordCheck check = check_record(joined(lines_of_a_run()), "");
  EXPECT_TRUE(check.intact());
  EXPECT_TRUE(check.complete);
  EXPECT_EQ(check.events, 4U);
}

TEST(Record, EveryEditIsFoundWhereItIs) {
  const std::vector<std::string> lines = lines_of_a_run();
  const auto problem_line = [](const std::vector<std::string>& changed) {
    const RecordCheck check = check_record(joined(changed), "");
    return check.problems.empty() ? std::size_t{0} : check.problems.front().line;
  };
  std::vector<std::string> edited = lines;
  edited[1].replace(edited[1].find("agent.start"), 11, "agent.stolt");
  EXPECT_EQ(problem_line(edited), 2U);
  std::vector<std::string> dropped = lines;
  dropped.erase(dropped.begin() + 1);
  EXPECT_EQ(problem_line(dropped), 2U);
  std::vector<std::string> swapped = lines;
  std::swap(swapped[1], swapped[2]);
  EXPECT_EQ(problem_line(swapped), 2U);
  std::vector<std::string> repeated = lines;
  repeated.insert(repeated.begin() + 1, lines[0]);
  EXPECT_EQ(problem_line(repeated), 2U);
  std::vector<std::string> spaced = lines;
  spaced[2].insert(1, " ");
  EXPECT_EQ(problem_line(spaced), 3U) << "same content, other bytes";
  std::vector<std::string> appended = lines;
  appended.push_back(lines[3]);
  EXPECT_EQ(problem_line(appended), 5U);
}

TEST(Record, EverySingleByteFlipIsFound) {
  const std::string text = joined(lines_of_a_run());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string flipped = text;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    const RecordCheck check = check_record(flipped, "");
    EXPECT_FALSE(check.intact() && check.complete) << "byte " << i;
  }
}

TEST(Record, TruncationShows) {
  const std::vector<std::string> lines = lines_of_a_run();
  EXPECT_FALSE(check_record(joined({lines[0], lines[1]}), "").complete);
  const std::string text = joined(lines);
  EXPECT_FALSE(check_record(std::string_view(text).substr(0, text.size() - 5), "").intact());
  // A shorter record that is well-formed in itself: only the remembered head tells.
  const std::string head = check_record(text, "").head;
  EXPECT_FALSE(check_record(joined({lines[0]}), head).intact());
  EXPECT_FALSE(check_record("", "").intact());
}

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

// Inputs that a fuzzer found: each once ended the process.
TEST(Record, HostileLinesAreProblemsNotCrashes) {
  for (const std::string& line :
       {std::string(200000, '['),
        "{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}",
        std::string("{\"seq\":9223372036854775807,\"hash\":\"x\"}"),
        std::string("{\"seq\":-9223372036854775808}"),
        std::string("{\"mono\":-9223372036854775808}"), std::string("\xff\xfe{}")}) {
    EXPECT_FALSE(check_record(line + "\n" + line + "\n", "").intact()) << line.substr(0, 60);
    (void)parse_event(line);
  }
}

}  // namespace
}  // namespace berm

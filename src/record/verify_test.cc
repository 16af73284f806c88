#include "record/verify.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "record/record_test_support.h"

namespace berm {
namespace {

using nlohmann::json;

RecordWriter a_run(const std::string& name = "r-1", const SigningKey* lasting = nullptr,
                   const std::string& word = "same") {
  RecordWriter writer(name, lasting);
  for (int i = 0; i < 4; ++i) {
    writer.append("exec", {{"n", i}, {"text", "line\nfeed \xff,\"hash\":\""}, {"word", word}});
    writer.append("net.allowed", {{"hash", "x"}, {"n", i}});
    writer.checkpoint();
  }
  writer.append("run.end", json::object());
  writer.checkpoint();
  return writer;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

RecordProblem first_problem(const std::vector<std::string>& lines) {
  const RecordCheck check = check_record(joined(lines));
  return check.problems.empty() ? RecordProblem{} : check.problems.front();
}

TEST(Verify, AnUntouchedRecordIsIntactCompleteAndSigned) {
  const RecordWriter run = a_run();
  const RecordCheck check = check_record(joined(run.lines()), {.head = run.head(), .key = {}});
  EXPECT_TRUE(check.intact()) << check.problems.front().what;
  EXPECT_TRUE(check.complete);
  EXPECT_EQ(check.events, run.lines().size());
  EXPECT_EQ(check.checkpoints, 5U);
  EXPECT_EQ(check.signed_events, check.events - 1);
  EXPECT_EQ(check.run, "r-1");
}

TEST(Verify, EveryFaultHasItsNameAndItsPlace) {
  const std::vector<std::string> lines = a_run().lines();
  std::vector<std::string> edited = lines;
  edited[3].replace(edited[3].find("allowed"), 7, "aliowed");
  EXPECT_EQ(first_problem(edited).fault, RecordFault::edited);
  EXPECT_EQ(first_problem(edited).line, 4U);
  std::vector<std::string> dropped = lines;
  dropped.erase(dropped.begin() + 2, dropped.begin() + 4);
  EXPECT_EQ(first_problem(dropped),
            (RecordProblem{3, RecordFault::dropped, "events 2 to 3 are missing before it"}));
  std::vector<std::string> swapped = lines;
  std::swap(swapped[2], swapped[3]);
  EXPECT_EQ(first_problem(swapped).fault, RecordFault::dropped);
  const RecordCheck both = check_record(joined(swapped));
  ASSERT_GE(both.problems.size(), 2U);
  EXPECT_EQ(both.problems[1],
            (RecordProblem{4, RecordFault::reordered, "event 2 stands behind a later one"}));
  std::vector<std::string> repeated = lines;
  repeated.insert(repeated.begin() + 5, lines[3]);
  EXPECT_EQ(first_problem(repeated), (RecordProblem{6, RecordFault::repeated, "event 3 again"}));
  std::vector<std::string> spaced = lines;
  spaced[2].insert(1, " ");
  EXPECT_EQ(first_problem(spaced).line, 3U) << "same content, other bytes";
  std::vector<std::string> appended = lines;
  appended.push_back(lines[3]);
  EXPECT_FALSE(check_record(joined(appended)).intact());
}

// Two histories of one run, by whoever has the whole program and even the chain right.
TEST(Verify, ASpliceOfAnotherHistoryIsFound) {
  const std::vector<std::string> mine = a_run().lines();
  const std::vector<std::string> other = a_run("r-1", nullptr, "other").lines();
  const std::vector<std::string> another_run = a_run("r-2").lines();
  for (std::size_t at = 2; at < mine.size(); ++at) {
    std::vector<std::string> tail(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(at));
    tail.insert(tail.end(), other.begin() + static_cast<std::ptrdiff_t>(at), other.end());
    EXPECT_EQ(first_problem(tail).fault, RecordFault::forked) << at;
    std::vector<std::string> guest = mine;
    guest.insert(guest.begin() + static_cast<std::ptrdiff_t>(at), another_run[at]);
    EXPECT_EQ(first_problem(guest).fault, RecordFault::other_run) << at;
    std::vector<std::string> replaced = mine;
    replaced[at] = other[at];
    EXPECT_FALSE(check_record(joined(replaced)).intact()) << at;
  }
}

// Who writes the whole chain anew, with a key of his own, is found by whoever knows the key that
// vouches, or the head.
TEST(Verify, ARewrittenRecordNeedsAKeyThatSomebodyTrusts) {
  const Result<SigningKey> lasting = SigningKey::generate();
  const Result<SigningKey> thief = SigningKey::generate();
  const RecordWriter mine = a_run("r-1", &*lasting);
  const RecordTrust trust{.head = "", .key = lasting->public_key()};
  EXPECT_TRUE(check_record(joined(mine.lines()), trust).intact());
  EXPECT_TRUE(check_record(joined(mine.lines()), trust).certified);
  for (const RecordWriter& forged : {a_run("r-1"), a_run("r-1", &*thief)}) {
    EXPECT_TRUE(check_record(joined(forged.lines())).intact()) << "well-formed in itself";
    const RecordCheck check = check_record(joined(forged.lines()), trust);
    ASSERT_FALSE(check.intact());
    EXPECT_EQ(check.problems.front().fault, RecordFault::wrong_key);
    EXPECT_FALSE(check_record(joined(forged.lines()), {.head = mine.head(), .key = {}}).intact());
  }
}

// Whoever can write the chain, but not sign.
TEST(Verify, ACheckpointOfAnotherKeyIsFound) {
  std::vector<std::string> lines = a_run().lines();
  const std::vector<std::string> other = a_run("r-1").lines();
  const json note = parse_event(other.back())["data"];
  lines.pop_back();
  const std::optional<SealedLine> end = parse_sealed(lines.back());
  const std::optional<SealedLine> theirs = parse_sealed(other.back());
  lines.push_back(seal_event({.run = "r-1",
                              .sequence = end->sequence + 1,
                              .time = std::string(theirs->time),
                              .monotonic_ns = theirs->monotonic_ns,
                              .source = "supervisor",
                              .type = "checkpoint"},
                             canonical(note), end->hash)
                      .line);
  const RecordCheck check = check_record(joined(lines));
  ASSERT_FALSE(check.intact());
  EXPECT_FALSE(check.complete);
  EXPECT_EQ(check.problems.front().line, lines.size());
}

TEST(Verify, EverySingleBitFlipIsFound) {
  const std::string text = joined(a_run().lines());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string flipped = text;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    const RecordCheck check = check_record(flipped);
    ASSERT_FALSE(check.intact() && check.complete) << "byte " << i;
  }
}

TEST(Verify, RandomTamperingIsFound) {
  const std::vector<std::string> lines = a_run().lines();
  std::minstd_rand random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> changed = lines;
    for (std::size_t acts = 1 + random() % 3; acts > 0 && !changed.empty(); --acts) {
      const auto at = changed.begin() + static_cast<std::ptrdiff_t>(random() % changed.size());
      const auto to = changed.begin() + static_cast<std::ptrdiff_t>(random() % changed.size());
      switch (random() % 4) {
        case 0:
          changed.erase(at);
          break;
        case 1:
          std::iter_swap(at, to);
          break;
        case 2:
          changed.insert(at, std::string(*to));
          break;
        default:
          changed.resize(static_cast<std::size_t>(at - changed.begin()));
      }
    }
    const RecordCheck check = check_record(joined(changed));
    ASSERT_EQ(check.intact() && check.complete, changed == lines) << round;
  }
}

TEST(Verify, TruncationShowsAtEveryByte) {
  const RecordWriter run = a_run();
  const std::string text = joined(run.lines());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const RecordCheck check = check_record(std::string_view(text).substr(0, size));
    ASSERT_FALSE(check.intact() && check.complete) << size;
    ASSERT_FALSE(
        check_record(std::string_view(text).substr(0, size), {.head = run.head(), .key = {}})
            .intact());
  }
  const RecordCheck open = check_record(joined({run.lines().begin(), run.lines().begin() + 7}));
  EXPECT_TRUE(open.intact()) << "a run that goes on is not a wrong one";
  EXPECT_EQ(open.signed_events, 4U) << "and what nobody signed yet is told";
}

TEST(Verify, TheWallClockMayBeSetTheMonotonicOneNot) {
  RecordWriter run("r-1");
  const std::string line = run.lines()[1];
  EventHeader header{.run = "r-1",
                     .sequence = 2,
                     .time = "2020-01-01T00:00:00.000000000Z",
                     .monotonic_ns = 5,
                     .source = "supervisor",
                     .type = "exec"};
  const SealedEvent set_back = seal_event(header, "{}", run.head());
  const RecordCheck wall = check_record(joined({run.lines()[0], line, set_back.line}));
  EXPECT_TRUE(wall.intact());
  EXPECT_EQ(wall.clock_steps_back, 1U);
  header.monotonic_ns = 0;
  const SealedEvent earlier = seal_event(header, "{}", run.head());
  const RecordCheck mono = check_record(joined({run.lines()[0], line, earlier.line}));
  ASSERT_EQ(mono.problems.size(), 1U);
  EXPECT_EQ(mono.problems.front().fault, RecordFault::clock_back);
}

// Inputs that a fuzzer found: each once ended the process.
TEST(Verify, HostileLinesAreProblemsNotCrashes) {
  for (const std::string& line :
       {std::string(200000, '['),
        "{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}",
        std::string("{\"seq\":9223372036854775807,\"hash\":\"x\"}"),
        std::string("{\"seq\":-9223372036854775808}"),
        std::string("{\"mono\":-9223372036854775808}"), std::string("\xff\xfe{}"),
        std::string(",\"hash\":\""), std::string("{\"data\":,\"hash\":\"")}) {
    EXPECT_FALSE(check_record(line + "\n" + line + "\n").intact()) << line.substr(0, 60);
    (void)parse_event(line);
  }
}

}  // namespace
}  // namespace berm

#include "rules/changes/line_diff.h"

#include <gtest/gtest.h>

#include <random>

#include "base/text.h"

namespace berm {
namespace {

// What patch(1) does with hunks, strictly: every context and every removed line must be there.
std::string patched(const std::string& before, std::string_view diff) {
  std::vector<std::string> lines;
  for (std::string_view rest = before; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    lines.emplace_back(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
  }
  std::string out;
  std::size_t at = 0;
  while (!diff.empty()) {
    const std::size_t end = diff.find('\n');
    std::string line(diff.substr(0, end + 1));
    diff.remove_prefix(end + 1);
    if (line.starts_with("@@ -")) {
      std::size_t row = std::stoul(line.substr(4));
      const std::size_t rows = std::stoul(line.substr(line.find(',') + 1));
      if (rows > 0) --row;
      while (at < row) out += lines.at(at++);
      continue;
    }
    if (diff.starts_with("\\ No newline")) {
      line.pop_back();
      diff.remove_prefix(diff.find('\n') + 1);
    }
    if (line[0] != '+') {
      EXPECT_EQ(lines.at(at), line.substr(1));
      ++at;
    }
    if (line[0] != '-') out += line.substr(1);
  }
  while (at < lines.size()) out += lines[at++];
  return out;
}

TEST(LineDiff, SaysWhatDiffSays) {
  EXPECT_EQ(line_diff("a\nb\nc\n", "a\nB\nc\n"), "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
  EXPECT_EQ(line_diff("", "new\n"), "@@ -0,0 +1,1 @@\n+new\n");
  EXPECT_EQ(line_diff("old\n", ""), "@@ -1,1 +0,0 @@\n-old\n");
  EXPECT_EQ(line_diff("x\n", "x"), "@@ -1,1 +1,1 @@\n-x\n+x\n\\ No newline at end of file\n");
  EXPECT_EQ(line_diff("same\n", "same\n"), "");
}

TEST(LineDiff, ChangesFarApartAreHunksOfTheirOwn) {
  std::string before;
  for (int i = 0; i < 40; ++i) before += std::to_string(i) + "\n";
  std::string after = before;
  after.replace(after.find("3\n"), 2, "three\n");
  after.replace(after.find("35\n"), 3, "");
  EXPECT_EQ(line_diff(before, after),
            "@@ -1,7 +1,7 @@\n 0\n 1\n 2\n-3\n+three\n 4\n 5\n 6\n"
            "@@ -33,7 +33,6 @@\n 32\n 33\n 34\n-35\n 36\n 37\n 38\n");
}

TEST(LineDiff, AppliedToTheFirstTextItGivesTheSecond) {
  std::mt19937 luck(7);
  const auto text = [&] {
    std::string out;
    for (auto lines = luck() % 30; lines > 0; --lines) {
      out += static_cast<char>('a' + luck() % 4);
      if (lines > 1 || luck() % 3 != 0) out += '\n';
    }
    return out;
  };
  for (int round = 0; round < 3000; ++round) {
    const std::string before = text();
    const std::string after = text();
    ASSERT_EQ(patched(before, line_diff(before, after)), after) << before << "->" << after;
  }
}

TEST(LineDiff, TextsWithNothingInCommonAreReplaced) {
  std::string before;
  std::string after;
  for (int i = 0; i < 20'000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  EXPECT_EQ(patched(before, line_diff(before, after)), after);
}

TEST(LineDiff, ATextMadeToBeSlowIsReplaced) {
  std::string before;
  std::string after;
  for (int i = 0; i < 300'000; ++i) before += i % 150 == 0 ? "a\n" : "\n";
  for (int i = 0; i < 300'000; ++i) after += i % 151 == 0 ? "b\n" : "\n";
  EXPECT_EQ(patched(before, line_diff(before, after)), after);
}

}  // namespace
}  // namespace berm

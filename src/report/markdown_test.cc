#include "report/markdown.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "report/across.h"
#include "report/markdown_text.h"
#include "report/report_test_support.h"

namespace berm::report {
namespace {

// What of a line stands in no code span, by CommonMark's rule (§6.1): a run of backticks opens, the
// next run of the same length closes.
std::string outside_of_code(std::string_view line) {
  std::string out;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] != '`') {
      out += line[at++];
      continue;
    }
    std::size_t length = 0;
    while (at + length < line.size() && line[at + length] == '`') ++length;
    std::size_t close = at + length;
    while (close < line.size()) {
      std::size_t run = 0;
      while (close + run < line.size() && line[close + run] == '`') ++run;
      if (run == length) break;
      close += std::max<std::size_t>(run, 1);
    }
    if (close >= line.size()) {
      out += line.substr(at, length);
      at += length;
    } else {
      at = close + length;
    }
  }
  return out;
}

// Cells are cut at pipes before spans are read (GFM, tables): every pipe counts, escaped or not.
std::size_t cells(std::string_view line) {
  return static_cast<std::size_t>(std::ranges::count(line, '|')) - 1;
}

void expect_inert(const std::string& markdown, const std::string& payload) {
  std::size_t columns = 0;
  // A block of HTML goes on until an empty line, and nothing in it is code (CommonMark §4.6).
  bool html = false;
  for (const std::string_view line : split(markdown, '\n')) {
    SCOPED_TRACE(payload + " in: " + std::string(line.substr(0, 300)));
    EXPECT_EQ(printable(line), line);
    EXPECT_TRUE(!html || line.empty());
    html = line.find('<') == 0;
    const bool block = line.starts_with("    ");
    const std::string bare = block ? "" : outside_of_code(line);
    for (const char* never :
         {kMark, "@", "http", "www.", "](", "![", "<img", "<script", "<!--", "evil"}) {
      EXPECT_EQ(bare.find(never), std::string::npos) << never;
    }
    EXPECT_FALSE(trim(line).starts_with("::"));
    EXPECT_EQ(line.find("##["), std::string::npos);
    EXPECT_EQ(line.find("##vso["), std::string::npos);
    EXPECT_EQ(line.find("##teamcity["), std::string::npos);
    if (!line.starts_with("|")) {
      EXPECT_EQ(bare.find('|'), std::string::npos);
      columns = 0;
      continue;
    }
    if (columns == 0) columns = cells(line);
    EXPECT_EQ(cells(line), columns);
  }
}

TEST(MarkdownText, IsACodeSpanWhateverItHolds) {
  const struct {
    std::string text, span;
  } kCases[] = {
      {"plain", "`plain`"},     {"", "—"},
      {"   ", "`\\x20`"},       {"a`b", "``a`b``"},
      {"`a", "`` `a ``"},       {"a|b", "`a\\x7cb`"},  // a cell's end, even in a span
      {"a\\|b", "`a\\\\x7cb`"},  // "\\|" would be a backslash and a cell's end
      {"a\nb", "`a\\nb`"},      {"##[error]x", "`#\\x23[error]x`"},
      {"## a", "`## a`"},
  };
  for (const auto& [text, span] : kCases) EXPECT_EQ(code(text), span);
}

TEST(Markdown, NoTextOfOthersLeavesItsCodeSpanOrItsCell) {
  ASSERT_GE(payloads().size(), 40U);
  for (const std::string& payload : payloads()) {
    const std::string text = markdown(hostile_facts(payload));
    EXPECT_NE(text.find(kMark), std::string::npos) << "the payload is not even there: " << payload;
    expect_inert(text, payload);
    AcrossRuns all;
    all.add(payload, hostile_facts(payload));
    all.cannot_read(payload, payload);
    expect_inert(all.to_markdown(), payload);
    const std::string terminal = all.to_text();
    EXPECT_EQ(printable_block(terminal), terminal);
  }
}

TEST(Markdown, TheCheckAboveSeesABreakout) {
  EXPECT_NE(outside_of_code("`a` PWN `b`").find(kMark), std::string::npos);
  EXPECT_NE(outside_of_code("``a` PWN").find(kMark), std::string::npos);
  EXPECT_EQ(outside_of_code("``a` PWN``").find(kMark), std::string::npos);
  EXPECT_NE(cells("| `a\\|b` | c |"), cells("| a | b |"));
}

TEST(Markdown, IsCutBySectionsAndSaysWhich) {
  RunFacts facts = hostile_facts("src/main.c");
  for (int i = 0; i < 400; ++i) {
    facts.calls.rows.push_back({"Bash", std::string(500, 'x'), "deny", "rule"});
    facts.denials.push_back({.kind = "connection", .what = std::string(250, 'y'), .times = 1});
  }
  const std::string whole = markdown(facts);
  EXPECT_LT(whole.size(), kGithubSummary);
  EXPECT_EQ(whole.find("Left out"), std::string::npos);
  EXPECT_NE(whole.find("### Enforcement"), std::string::npos);
  for (const std::size_t most : {4096UL, 10'000UL, 20'000UL, 40'000UL, kGithubComment}) {
    const std::string text = markdown(facts, {.most = most});
    EXPECT_LE(text.size(), most);
    EXPECT_TRUE(text.starts_with("## berm: "));
    if (text.size() + 1000 < whole.size()) {
      EXPECT_NE(text.find("Left out"), std::string::npos);
    }
  }
}

TEST(Markdown, NamesThePolicyLineThatWouldPermitWhatWasAskedFor) {
  FactsCollector collector;
  collector.add({{"type", "net.denied"},
                 {"data",
                  {{"host", "api.example.com"},
                   {"port", 443U},
                   {"rule", "network.allow"},
                   {"reason", "not granted"}}}});
  const std::string text = markdown(collector.take({}));
  EXPECT_NE(text.find("    allow = [\"api.example.com:443\"]"), std::string::npos) << text;
  EXPECT_NE(text.find("no verdict"), std::string::npos);
  EXPECT_NE(text.find("NOT INTACT"), std::string::npos);
}

}  // namespace
}  // namespace berm::report

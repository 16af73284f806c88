#include "rules/shell/shell.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berm {
namespace {

std::vector<std::string> lines(const ShellScript& script) {
  std::vector<std::string> out;
  for (const SimpleCommand& command : script.commands) {
    std::string line;
    for (const std::string& wrapper : command.wrappers) line += wrapper + ":";
    for (const ShellWord& word : command.words) {
      if (!line.empty() && !line.ends_with(':')) line += ' ';
      for (const char c : word.text) line += c == kUnknownPart ? '?' : c;
    }
    out.push_back(line);
  }
  return out;
}

bool says(const ShellScript& script, Obscurity kind) {
  return std::any_of(script.unclear.begin(), script.unclear.end(),
                     [&](const Unclear& part) { return part.kind == kind; });
}

TEST(UnderstandShell, PipelinesShareANumberAndCountTheirStages) {
  const ShellScript script = understand_shell("a | b | c && d; e $(f | g) | h");
  ASSERT_EQ(lines(script), (std::vector<std::string>{"a", "b", "c", "d", "e ?", "f", "g", "h"}));
  const auto& all = script.commands;
  EXPECT_EQ(all[0].pipeline, all[2].pipeline);
  EXPECT_EQ(all[2].stage, 2U);
  EXPECT_NE(all[3].pipeline, all[0].pipeline);
  EXPECT_EQ(all[4].pipeline, all[7].pipeline);
  EXPECT_EQ(all[7].stage, 1U);
  EXPECT_EQ(all[5].pipeline, all[6].pipeline);
  EXPECT_NE(all[5].pipeline, all[4].pipeline);
  EXPECT_TRUE(script.unclear.empty());
}

TEST(UnderstandShell, APipelineGoesOnBehindAHereDocumentsOperator) {
  const ShellScript script = understand_shell("a | cat <<E | b && c\ntext\nE\nd");
  ASSERT_EQ(lines(script), (std::vector<std::string>{"a", "cat", "b", "c", "d"}));
  EXPECT_EQ(script.commands[0].pipeline, script.commands[2].pipeline);
  EXPECT_EQ(script.commands[2].stage, 2U);
  EXPECT_NE(script.commands[3].pipeline, script.commands[2].pipeline);
  EXPECT_EQ(script.commands[1].redirections[0].target.text, "text\n");
}

TEST(UnderstandShell, WrappersAreTakenOffOutermostFirst) {
  const ShellScript script =
      understand_shell("sudo -u x env A=1 timeout -k 3 5 sh -c 'nice rm -rf x'");
  ASSERT_EQ(lines(script),
            (std::vector<std::string>{"sudo:env:timeout:", "sudo:env:timeout:sh:nice:rm -rf x"}));
  EXPECT_EQ(script.commands[0].assignments[0].name, "A");
  EXPECT_TRUE(script.unclear.empty());
}

TEST(UnderstandShell, AssignmentsAreSeenWhereverTheyStand) {
  for (const char* text :
       {"A=1 ls", "env A=1 ls", "export A=1", "A=1", "sudo A=1 ls", "declare -x A=1"}) {
    const ShellScript script = understand_shell(text);
    ASSERT_FALSE(script.commands.empty()) << text;
    ASSERT_FALSE(script.commands[0].assignments.empty()) << text;
    EXPECT_EQ(script.commands[0].assignments[0].name, "A") << text;
    EXPECT_EQ(script.commands[0].assignments[0].value.text, "1") << text;
  }
}

TEST(UnderstandShell, EveryFormOfRedirectionHasItsKind) {
  const struct {
    std::string_view text;
    RedirectionKind kind;
    std::string_view target;
  } kCases[] = {{"a < f", RedirectionKind::read, "f"},
                {"a > f", RedirectionKind::write, "f"},
                {"a >| f", RedirectionKind::write, "f"},
                {"a &> f", RedirectionKind::write, "f"},
                {"a >& f", RedirectionKind::write, "f"},
                {"a >> f", RedirectionKind::append, "f"},
                {"a &>> f", RedirectionKind::append, "f"},
                {"a 2> f", RedirectionKind::write, "f"},
                {"a 2>&1", RedirectionKind::duplicate, "1"},
                {"a >&-", RedirectionKind::duplicate, "-"},
                {"a <&3", RedirectionKind::read, "/dev/fd/3"},
                {"a <<< 'b c'", RedirectionKind::here_string, "b c"},
                {"a <<E\nb\nE", RedirectionKind::here_document, "b\n"}};
  for (const auto& [text, kind, target] : kCases) {
    const ShellScript script = understand_shell(text);
    ASSERT_EQ(script.commands.size(), 1U) << text;
    ASSERT_EQ(script.commands[0].redirections.size(), 1U) << text;
    EXPECT_EQ(script.commands[0].redirections[0].kind, kind) << text;
    EXPECT_EQ(script.commands[0].redirections[0].target.text, target) << text;
  }
}

TEST(UnderstandShell, RedirectionsWithoutACommandAreACommandWithoutWords) {
  const ShellScript script = understand_shell("> /etc/passwd; { ls; } > /etc/group");
  ASSERT_EQ(script.commands.size(), 3U);
  EXPECT_TRUE(script.commands[0].words.empty());
  EXPECT_EQ(script.commands[0].redirections[0].target.text, "/etc/passwd");
  EXPECT_TRUE(script.commands[1].words.empty());
  EXPECT_EQ(script.commands[1].redirections[0].target.text, "/etc/group");
}

TEST(UnderstandShell, WhatRunTimeDecidesIsMarkedInTheWord) {
  const ShellScript script = understand_shell("ls a$x\"$(pwd)\" *.c '*.d' ~/e");
  const auto& words = script.commands[0].words;
  EXPECT_EQ(words[1].text, std::string("a") + kUnknownPart + kUnknownPart);
  EXPECT_TRUE(words[1].unknown);
  EXPECT_TRUE(words[2].glob);
  EXPECT_FALSE(words[3].glob);
  EXPECT_EQ(words[4].text, "~/e");
}

TEST(UnderstandShell, OurSignForTheUnknownCannotBeWritten) {
  EXPECT_TRUE(says(understand_shell("echo \x1a"), Obscurity::control_characters));
  EXPECT_TRUE(understand_shell("echo $'\\x1a'").commands[0].words[1].unknown);
}

TEST(UnderstandShell, CodeInCodeEndsSomewhere) {
  std::string text = "rm x";
  for (int i = 0; i < 12; ++i) text = "eval " + text;
  EXPECT_FALSE(says(understand_shell(text), Obscurity::too_deep));
  for (int i = 0; i < 12; ++i) text = "eval " + text;
  EXPECT_TRUE(says(understand_shell(text), Obscurity::too_deep));
}

TEST(UnderstandShell, DeepNestingIsRefusedAndNotRecursedInto) {
  for (const auto& [open, close] :
       {std::pair("(", ")"), {"$(", ")"}, {"{ ", "; }"}, {"\"$(", ")\""}, {"${x:-", "}"}}) {
    std::string text = "echo ";
    for (int i = 0; i < 3000; ++i) text += open;
    text += "ls";
    for (int i = 0; i < 3000; ++i) text += close;
    EXPECT_FALSE(understand_shell(text).unclear.empty()) << open;
  }
}

TEST(UnderstandShell, LongTextIsRefused) {
  EXPECT_TRUE(says(understand_shell(std::string(kMaxShellText + 1, 'a')), Obscurity::too_long));
  const std::string long_enough = "echo " + std::string(kMaxShellText - 5, 'a');
  EXPECT_TRUE(understand_shell(long_enough).unclear.empty());
}

TEST(UnderstandShell, ValuesThatDoubleDoNotGrowWithoutEnd) {
  std::string text = "a=xxxxxxxxxxxxxxxx; ";
  for (int i = 0; i < 60; ++i) text += "a=$a$a; ";  // an assignment that uses itself
  for (char c = 'b'; c < 'z'; ++c) {
    text +=
        std::string(1, c) + "=$" + static_cast<char>(c - 1) + "$" + static_cast<char>(c - 1) + "; ";
  }
  text += "echo $y";
  std::size_t longest = 0;
  for (const SimpleCommand& command : understand_shell(text).commands) {
    for (const ShellWord& word : command.words) longest = std::max(longest, word.text.size());
    for (const Assignment& made : command.assignments)
      longest = std::max(longest, made.value.text.size());
  }
  EXPECT_LE(longest, 16384U);
}

TEST(UnderstandShell, BraceExpansionDoesNotGrowWithoutEnd) {
  std::string text = "echo ";
  for (int i = 0; i < 40; ++i) text += "{a,b}";
  const ShellScript script = understand_shell(text);
  EXPECT_LE(script.commands[0].words.size(), 3U);
  EXPECT_TRUE(script.commands[0].words.back().unknown);
}

TEST(UnderstandShell, SourcesAndPartsAreShort) {
  const ShellScript script = understand_shell("$x " + std::string(4000, 'a'));
  EXPECT_LE(script.commands[0].source.size(), 512U);
  EXPECT_LE(script.unclear[0].text.size(), 512U);
}

TEST(UnderstandShell, NothingIsNothing) {
  for (const char* text : {"", " ", "\n", "# comment", "  # a\n\n#b\n"}) {
    const ShellScript script = understand_shell(text);
    EXPECT_TRUE(script.commands.empty()) << text;
    EXPECT_TRUE(script.unclear.empty()) << text;
  }
}

TEST(ShellText, ShowsWrappersUnknownPartsAndNoControlCharacter) {
  const std::string text =
      to_text(understand_shell("sudo echo \"a $x\" $'\\e[31m' > f | $y; \x1b"));
  EXPECT_NE(text.find("[sudo] echo 'a \u2026'"), std::string::npos) << text;
  EXPECT_NE(text.find("> f"), std::string::npos) << text;
  EXPECT_NE(text.find("unclear dynamic_command: $y"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(ObscurityNames, AreAllDifferent) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Obscurity::redefinition); ++i) {
    names.push_back(name_of(static_cast<Obscurity>(i)));
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace berm

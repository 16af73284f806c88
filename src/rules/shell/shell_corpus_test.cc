// The corpora of tests/fixtures/shell: commands that hide what they run, and everyday ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/text.h"
#include "rules/shell/shell.h"

namespace berm {
namespace {

struct Case {
  std::string where;
  std::string command;
  std::vector<std::string> runs;
  std::vector<std::string> writes;
  std::set<std::string> unclear;
};

// \n, \t, \\, \xHH, \uHHHH, \UHHHHHHHH.
std::string unescaped(std::string_view text) {
  std::string out;
  const auto number = [&](std::size_t at, std::size_t digits) {
    return static_cast<char32_t>(std::stoul(std::string(text.substr(at, digits)), nullptr, 16));
  };
  const auto utf8 = [&](char32_t c) {
    const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) return put(c);
    if (c >= 0x10000) put(0xf0 | (c >> 18));
    if (c >= 0x10000) put(0x80 | ((c >> 12) & 0x3f));
    if (c >= 0x800 && c < 0x10000) put(0xe0 | (c >> 12));
    if (c >= 0x800) put(0x80 | ((c >> 6) & 0x3f));
    if (c < 0x800) put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char next = text[at] == '\\' && at + 1 < text.size() ? text[at + 1] : '\0';
    const std::size_t digits = next == 'x' ? 2 : next == 'u' ? 4 : next == 'U' ? 8 : 0;
    if (next == 'n' || next == 't' || next == 'r' || next == '\\') {
      out += next == 'n' ? '\n' : next == 't' ? '\t' : next == 'r' ? '\r' : '\\';
      ++at;
    } else if (digits > 0 && next == 'x') {
      out += static_cast<char>(number(at + 2, digits));
      at += digits + 1;
    } else if (digits > 0) {
      utf8(number(at + 2, digits));
      at += digits + 1;
    } else {
      out += text[at];
    }
  }
  return out;
}

void read_line(const std::string& file, std::size_t number, const std::string& line,
               std::vector<Case>& out) {
  const std::string_view text = line;
  if (text.starts_with("$ ")) {
    out.push_back({.where = file + ":" + std::to_string(number), .command = line.substr(2)});
  } else if (text.starts_with("$e ")) {
    out.push_back(
        {.where = file + ":" + std::to_string(number), .command = unescaped(text.substr(3))});
  } else if (text.starts_with("> ") && !out.empty()) {
    out.back().command += "\n" + line.substr(2);
  } else if (text.starts_with("runs ") && !out.empty()) {
    out.back().runs.push_back(unescaped(text.substr(5)));
  } else if (text.starts_with("writes ") && !out.empty()) {
    out.back().writes.push_back(line.substr(7));
  } else if (text.starts_with("unclear ") && !out.empty()) {
    for (const std::string_view kind : split(text.substr(8), ' ')) out.back().unclear.emplace(kind);
  } else if (!text.empty() && !text.starts_with('#')) {
    ADD_FAILURE() << file << ":" << number << ": not understood: " << line;
  }
}

std::vector<Case> cases(const std::string& folder) {
  std::vector<Case> out;
  const std::filesystem::path root =
      std::string(BERM_SOURCE_DIR) + "/tests/fixtures/shell/" + folder;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    std::ifstream file(entry.path());
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
      read_line(entry.path().filename(), number, line, out);
    }
  }
  return out;
}

std::string shown(std::string text) {
  std::string out;
  for (const char c : text) out += c == kUnknownPart ? "\u2026" : std::string(1, c);
  return out;
}

std::string line_of(const SimpleCommand& command) {
  std::string out;
  for (const ShellWord& word : command.words) out += (out.empty() ? "" : " ") + shown(word.text);
  if (!command.words.empty() && command.words[0].text.empty()) out.insert(0, " ");
  return out;
}

void check(const Case& expected) {
  const ShellScript script = understand_shell(expected.command);
  SCOPED_TRACE(expected.where + ": " + printable(expected.command) + "\n" + to_text(script));
  std::set<std::string> unclear;
  for (const Unclear& part : script.unclear) unclear.emplace(name_of(part.kind));
  EXPECT_EQ(unclear, expected.unclear);
  for (const std::string& line : expected.runs) {
    const bool found =
        std::any_of(script.commands.begin(), script.commands.end(),
                    [&](const SimpleCommand& command) { return line_of(command) == line; });
    EXPECT_TRUE(found) << line;
  }
  for (const std::string& target : expected.writes) {
    bool found = false;
    for (const SimpleCommand& command : script.commands) {
      for (const Redirection& redirection : command.redirections) {
        const bool writes = redirection.kind == RedirectionKind::write ||
                            redirection.kind == RedirectionKind::append;
        found =
            found || (writes && redirection.target.text == target && !redirection.target.unknown);
      }
    }
    EXPECT_TRUE(found) << target;
  }
}

TEST(ShellCorpus, EvasionIsSeenThroughOrNamed) {
  const std::vector<Case> all = cases("evasion");
  ASSERT_GE(all.size(), 400U);
  for (const Case& one : all) {
    EXPECT_TRUE(!one.runs.empty() || !one.writes.empty() || !one.unclear.empty() ||
                one.command.find("$(<") != std::string::npos)
        << one.where << " expects nothing";
    check(one);
  }
}

TEST(ShellCorpus, EverydayCommandsAreUnderstood) {
  const std::vector<Case> all = cases("everyday");
  ASSERT_GE(all.size(), 150U);
  for (const Case& one : all) check(one);
}

}  // namespace
}  // namespace berm

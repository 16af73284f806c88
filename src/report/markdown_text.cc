#include "report/markdown_text.h"

#include <algorithm>

#include "base/text.h"

namespace berm::report {
namespace {

std::size_t longest_run(std::string_view text, char wanted) {
  std::size_t longest = 0;
  std::size_t now = 0;
  for (const char c : text) {
    now = c == wanted ? now + 1 : 0;
    longest = std::max(longest, now);
  }
  return longest;
}

// Runners look for commands in every line of a log, wherever the report is printed: "##[add-mask]"
// (GitHub, anywhere in a line), "##vso[…]" (Azure), "##teamcity[…]".
std::string without_commands(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool second = text[i] == '#' && i > 0 && text[i - 1] == '#';
    std::size_t next = i + 1;
    while (second && next < text.size() && text[next] >= 'a' && text[next] <= 'z') ++next;
    if (second && next < text.size() && text[next] == '[') {
      out += "\\x23";
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string code(std::string_view text) {
  std::string inner;
  for (const char c : without_commands(printable(text))) {
    if (c == '|') {
      inner += "\\x7c";
    } else {
      inner += c;
    }
  }
  // Blanks alone make no span, and blanks at both ends are stripped from one.
  if (trim(inner).empty()) return inner.empty() ? "—" : "`\\x20`";
  const std::string fence(longest_run(inner, '`') + 1, '`');
  const bool padded =
      inner.front() == '`' || inner.back() == '`' || (inner.front() == ' ' && inner.back() == ' ');
  return fence + (padded ? " " : "") + inner + (padded ? " " : "") + fence;
}

std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string table(const std::vector<std::string>& heads) {
  return row(heads) + row(std::vector<std::string>(heads.size(), "---"));
}

// Indented code needs no fence that its content could close.
std::string code_block(std::string_view text) {
  std::string out;
  const std::string safe = without_commands(printable_block(text));
  for (const std::string_view line : split(safe, '\n')) {
    if (!trim(line).empty()) out += "    " + std::string(line) + "\n";
  }
  return out;
}

}  // namespace berm::report

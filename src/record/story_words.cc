#include "record/story_words.h"

#include <algorithm>

#include "base/text.h"

namespace berm::story {
namespace {

// Less says little: every shell has an "eval" before the cut.
constexpr std::size_t kLeastOverlap = 8;
constexpr std::size_t kMostCompared = 200;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '/';
}

// "ls" stands in "cd a; ls", and not in "false".
bool contains(std::string_view text, std::string_view wanted) {
  if (wanted.empty()) return false;
  for (std::size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    const std::size_t end = at + wanted.size();
    const bool from = at == 0 || !is_word(text[at - 1]) || !is_word(wanted.front());
    const bool to = end == text.size() || !is_word(text[end]) || !is_word(wanted.back());
    if (from && to) return true;
  }
  return false;
}

}  // namespace

std::string words_of(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {  // argv on the record is: the two must look the same
    if (c == '\'' || c == '"' || c == '\\') continue;
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::size_t runs(std::string_view program, std::string_view command) {
  const std::string_view wanted = command.substr(0, kMostCompared);
  if (wanted.size() < command.size() ? program.find(wanted) != std::string_view::npos
                                     : contains(program, wanted)) {
    return wanted.size();
  }
  const std::size_t cut = program.find("…");
  if (cut == std::string_view::npos || command.size() < kLeastOverlap) return 0;
  const std::string_view visible = program.substr(0, cut);
  const std::string_view head = command.substr(0, kLeastOverlap);
  for (std::size_t at = visible.find(head); at != std::string_view::npos;
       at = visible.find(head, at + 1)) {
    if (command.starts_with(visible.substr(at))) return visible.size() - at;
  }
  return 0;
}

std::size_t is_part(std::string_view program, std::string_view command) {
  const std::size_t cut = program.find("…");
  const std::string_view visible = program.substr(0, std::min(cut, kMostCompared));
  return contains(command, visible) ? visible.size() : 0;
}

}  // namespace berm::story

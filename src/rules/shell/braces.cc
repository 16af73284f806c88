// From the characters of a word to words: brace expansion, then word splitting (bash manual, 3.5).
#include <algorithm>
#include <iterator>
#include <optional>

#include "rules/shell/lexer.h"

namespace berm::shell {
namespace {

constexpr std::size_t kMaxBraceWords = 64;

std::optional<long> whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 6) return std::nullopt;
  long value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

bool is_letter(std::string_view text) {
  return text.size() == 1 &&
         ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
}

// "1..5", "a..e"; nullopt: no sequence. Padding and steps are for a run-time value.
std::optional<std::vector<std::string>> sequence(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const std::string_view left = text.substr(0, dots);
  const std::string_view right = text.substr(dots + 2);
  const auto first = is_letter(left) ? std::optional<long>(left[0]) : whole_number(left);
  const auto last = is_letter(right) ? std::optional<long>(right[0]) : whole_number(right);
  if (!first || !last || is_letter(left) != is_letter(right)) {
    return std::vector<std::string>{std::string(1, kUnknownPart)};
  }
  const long step = *first <= *last ? 1 : -1;
  std::vector<std::string> out;
  for (long value = *first; out.size() <= kMaxBraceWords; value += step) {
    out.push_back(is_letter(left) ? std::string(1, static_cast<char>(value))
                                  : std::to_string(value));
    if (value == *last) return out;
  }
  return std::vector<std::string>{std::string(1, kUnknownPart)};
}

}  // namespace

// The '{', each ',' of its level and the '}' of the brace expression that starts at `open`; empty
// if none does.
std::vector<std::size_t> Lexer::brace_marks(const Cells& cells, std::size_t open) {
  const auto is = [&](std::size_t i, char c) {
    return cells.cells[i].how == How::plain && cells.cells[i].c == c;
  };
  if (!is(open, '{')) return {};
  std::vector<std::size_t> marks = {open};
  int depth = 0;
  for (std::size_t i = open + 1; i < cells.cells.size(); ++i) {
    if (is(i, '{')) ++depth;
    if (is(i, ',') && depth == 0) marks.push_back(i);
    if (is(i, '}') && depth-- == 0) {
      marks.push_back(i);
      return marks;
    }
  }
  return {};
}

// What stands between the marks: "a,b" or the values of "1..3".
std::vector<std::vector<Lexer::Cell>> Lexer::alternatives(const Cells& cells,
                                                          const std::vector<std::size_t>& marks) {
  std::vector<std::vector<Cell>> out;
  if (marks.size() > 2) {
    for (std::size_t i = 0; i + 1 < marks.size(); ++i) {
      out.emplace_back(cells.cells.begin() + static_cast<std::ptrdiff_t>(marks[i] + 1),
                       cells.cells.begin() + static_cast<std::ptrdiff_t>(marks[i + 1]));
    }
    return out;
  }
  std::string inside;
  for (std::size_t i = marks[0] + 1; i < marks[1]; ++i) {
    inside += cells.cells[i].how == How::plain ? cells.cells[i].c : '\x01';
  }
  for (const std::string& value : sequence(inside).value_or(std::vector<std::string>{})) {
    std::vector<Cell>& cell = out.emplace_back();
    for (const char c : value) cell.push_back({c, How::plain});
  }
  return out;
}

// The first brace expression from the left; its alternatives are expanded again by the caller.
std::vector<Lexer::Cells> Lexer::braces(const Cells& cells, bool& expanded) {
  for (std::size_t open = 0; open < cells.cells.size(); ++open) {
    const std::vector<std::size_t> marks = brace_marks(cells, open);
    if (marks.empty()) continue;
    const auto before = cells.cells.begin() + static_cast<std::ptrdiff_t>(open);
    const auto behind = cells.cells.begin() + static_cast<std::ptrdiff_t>(marks.back() + 1);
    std::vector<Cells> out;
    for (const std::vector<Cell>& middle : alternatives(cells, marks)) {
      Cells one{.cells = {cells.cells.begin(), before}, .quotes = cells.quotes, .many = cells.many};
      one.cells.insert(one.cells.end(), middle.begin(), middle.end());
      one.cells.insert(one.cells.end(), behind, cells.cells.end());
      out.push_back(std::move(one));
    }
    if (out.empty()) continue;
    expanded = true;
    return out;
  }
  return {cells};
}

// "[" alone, the command, is no pattern.
bool Lexer::is_pattern(const Cells& cells, std::size_t at) {
  if (cells.cells[at].how == How::quoted) return false;
  if (cells.cells[at].c == '*' || cells.cells[at].c == '?') return true;
  if (cells.cells[at].c != '[') return false;
  return std::any_of(cells.cells.begin() + static_cast<std::ptrdiff_t>(at), cells.cells.end(),
                     [](const Cell& cell) { return cell.c == ']'; });
}

void Lexer::split(const Cells& cells, bool from_braces, std::vector<Word>& out) {
  Word word;
  word.plain = !cells.quotes;
  word.braces = from_braces;
  word.splits = cells.many;
  bool any = cells.quotes;
  const auto flush = [&] {
    if (any) out.push_back(word);
    word.text.clear();
    word.unknown = word.glob = word.splits = false;
    any = false;
  };
  for (std::size_t i = 0; i < cells.cells.size(); ++i) {
    const Cell& cell = cells.cells[i];
    const bool expanded = cell.how == How::expanded;
    if (expanded && (cell.c == ' ' || cell.c == '\t' || cell.c == '\n')) {
      flush();
      continue;
    }
    any = true;
    word.text += cell.c;
    if (cell.how != How::plain) word.plain = false;
    if (cell.c == kUnknownPart) {
      word.unknown = true;
      word.splits = word.splits || expanded;
    }
    word.glob = word.glob || is_pattern(cells, i);
  }
  flush();
}

void Lexer::finish(const Cells& cells, std::vector<Word>& out) const {
  std::vector<Cells> todo = {cells};
  bool expanded = false;
  for (std::size_t i = 0; i < todo.size() && todo.size() <= kMaxBraceWords;) {
    bool again = false;
    std::vector<Cells> parts = braces(todo[i], again);
    if (!again) {
      ++i;
      continue;
    }
    expanded = true;
    const auto place = todo.erase(todo.begin() + static_cast<std::ptrdiff_t>(i));
    todo.insert(place, std::make_move_iterator(parts.begin()),
                std::make_move_iterator(parts.end()));
  }
  if (todo.size() > kMaxBraceWords) {
    Word many;
    many.text = std::string(1, kUnknownPart);
    many.unknown = many.splits = many.braces = true;
    out.push_back(std::move(many));
    return;
  }
  for (const Cells& one : todo) split(one, expanded, out);
}

ShellWord Lexer::as_one(const Cells& cells) {
  ShellWord out;
  for (std::size_t i = 0; i < cells.cells.size(); ++i) {
    out.text += cells.cells[i].c;
    out.unknown = out.unknown || cells.cells[i].c == kUnknownPart;
    out.glob = out.glob || is_pattern(cells, i);
  }
  return out;
}

}  // namespace berm::shell

// Assignments, redirections and words of one simple command.
#include "rules/shell/lexer.h"

namespace berm::shell {
namespace {

constexpr std::string_view kDeclarations[] = {"export", "declare", "typeset", "local", "readonly"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `builtin export A=1` and `command -p export A=1` are the same: any of the first words.
bool is_declaration(const std::vector<Word>& words) {
  for (std::size_t i = 0; i < std::min<std::size_t>(words.size(), 4); ++i) {
    if (std::ranges::find(kDeclarations, words[i].text) != std::end(kDeclarations)) return true;
  }
  return false;
}

struct Operator {
  std::string_view text;
  RedirectionKind kind;
};
// Longest first.
constexpr Operator kOperators[] = {
    {"<<<", RedirectionKind::here_string}, {"<<-", RedirectionKind::here_document},
    {"&>>", RedirectionKind::append},      {"<<", RedirectionKind::here_document},
    {">>", RedirectionKind::append},       {"<&", RedirectionKind::duplicate},
    {">&", RedirectionKind::duplicate},    {">|", RedirectionKind::write},
    {"<>", RedirectionKind::write},        {"&>", RedirectionKind::write},
    {"<", RedirectionKind::read},          {">", RedirectionKind::write}};

bool is_descriptor(const ShellWord& target) {
  if (target.text.empty() || target.unknown) return false;
  std::string_view digits = target.text;
  if (digits.ends_with('-')) digits.remove_suffix(1);
  for (const char c : digits) {
    if (!is_digit(c)) return false;
  }
  return true;
}

}  // namespace

bool Lexer::simple_command(std::size_t at, Lexed& out) {
  at_ = at;
  out_ = &out;
  while (true) {
    out.end = at_;
    skip_blanks();
    if (at_ >= limit_) return true;
    const char c = text_[at_];
    const bool both = text_.substr(at_, 2) == "&>" && at_ + 1 < limit_;
    if (c == '\n' || c == ';' || c == '|' || c == ')' || (c == '&' && !both)) return true;
    if (c == '#') return at_ > at;
    if (c == '(' || !item(true)) return false;
  }
}

bool Lexer::redirections(std::size_t at, Lexed& out) {
  at_ = at;
  out_ = &out;
  while (true) {
    out.end = at_;
    skip_blanks();
    const Found found = redirection();
    if (found != Found::yes) return found == Found::no;
  }
}

bool Lexer::item(bool words_too) {
  const Found redirected = redirection();
  if (redirected != Found::no) return redirected == Found::yes;
  if (!words_too) return false;
  if (out_->draft.words.empty() || is_declaration(out_->draft.words)) {
    const Found assigned = assignment();
    if (assigned != Found::no) return assigned == Found::yes;
  }
  Cells cells;
  const std::size_t begin = at_;
  if (!word(cells)) return false;
  // "a[x y]=1" is one assignment for bash; the blank would end our word.
  if (out_->draft.words.empty() && !cells.quotes) {
    const std::string_view raw = text_.substr(begin, at_ - begin);
    const std::size_t open = raw.find('[');
    if (open != std::string_view::npos && is_name(raw.substr(0, open)) &&
        raw.find(']') == std::string_view::npos) {
      return false;
    }
  }
  finish(cells, out_->draft.words);
  return true;
}

// NAME=, NAME+=, NAME[…]=: moves behind the '='.
Lexer::Found Lexer::assigned_name(std::string& name, bool& appends) {
  std::size_t end = at_;
  while (end < limit_ && is_name(text_.substr(at_, end + 1 - at_))) ++end;
  if (end == at_ || end >= limit_) return Found::no;
  name = text_.substr(at_, end - at_);
  const std::size_t begin = at_;
  if (text_[end] == '[') {
    at_ = end + 1;
    Cells ignored;
    while (at_ < limit_ && text_[at_] != ']') {
      const char c = text_[at_];
      if (is_metacharacter(c) || c == '\\' || c == '\'' || c == '"' || c == '[') {
        at_ = begin;
        return Found::no;
      }
      if (c == '$' || c == '`') {
        if (!(c == '$' ? dollar(ignored, true) : backticks(ignored, true))) return Found::failed;
      } else {
        ++at_;
      }
    }
    end = at_ + 1;
    appends = true;  // of an element: no value for the name itself
  }
  if (end + 1 < limit_ && text_[end] == '+' && text_[end + 1] == '=') {
    appends = true;
    ++end;
  }
  if (end >= limit_ || text_[end] != '=') {
    at_ = begin;
    return Found::no;
  }
  at_ = end + 1;
  return Found::yes;
}

Lexer::Found Lexer::assignment() {
  const std::size_t begin = at_;
  const std::size_t inner_before = out_->inner.size();
  Assignment found;
  bool appends = false;
  const Found name = assigned_name(found.name, appends);
  if (name == Found::no) out_->inner.resize(inner_before);
  if (name != Found::yes) return name;
  if (at_ < limit_ && text_[at_] == '(') {
    appends = true;
    if (!array(found)) return Found::failed;
  } else {
    Cells cells;
    const bool empty =
        at_ >= limit_ || (is_metacharacter(text_[at_]) && !at_process_substitution());
    if (!empty && !word(cells)) return Found::failed;
    found.value = as_one(cells);
  }
  if (!out_->draft.words.empty()) {  // an argument of export: a word too
    Word word;
    word.text = found.name + "=" + found.value.text;
    word.unknown = found.value.unknown;
    out_->draft.words.push_back(std::move(word));
  }
  out_->assigned_at.push_back(appends ? std::string_view::npos : begin);
  out_->draft.assignments.push_back(std::move(found));
  return Found::yes;
}

bool Lexer::array(Assignment& into) {
  ++at_;
  std::vector<Word> elements;
  while (at_ < limit_ && text_[at_] != ')') {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n') {
      ++at_;
    } else if (at_continuation()) {
      at_ += 2;
    } else if (c == '#') {
      while (at_ < limit_ && text_[at_] != '\n') ++at_;
    } else {
      Cells cells;
      if (!word(cells)) return false;
      finish(cells, elements);
    }
  }
  into.value.text = joined(elements, 0);
  into.value.unknown = any_unknown(elements, 0);
  return at_++ < limit_;
}

Lexer::Found Lexer::redirection() {
  std::size_t at = at_;
  while (at < limit_ && is_digit(text_[at])) ++at;
  if (at == at_ && at < limit_ && text_[at] == '{') {
    const std::size_t close = text_.find('}', at);
    if (close < limit_ && is_name(text_.substr(at + 1, close - at - 1))) at = close + 1;
  }
  const Operator* found = nullptr;
  for (const Operator& candidate : kOperators) {
    if (text_.substr(at, candidate.text.size()) != candidate.text) continue;
    if (at + candidate.text.size() > limit_) return Found::failed;
    found = &candidate;
    break;
  }
  if (found == nullptr || (at > at_ && found->text[0] == '&')) return Found::no;
  const std::size_t behind = at + found->text.size();
  // "<(" is a word; so is ">(", even behind digits.
  if (found->text.size() == 1 && behind < limit_ && text_[behind] == '(') return Found::no;
  at_ = behind;
  skip_blanks();
  if (found->kind == RedirectionKind::here_document) {
    return here_document(at, found->text == "<<-") ? Found::yes : Found::failed;
  }
  Cells cells;
  if (!word(cells)) return Found::failed;
  Redirection made{.kind = found->kind, .target = as_one(cells)};
  if (found->text == ">&" && !is_descriptor(made.target)) made.kind = RedirectionKind::write;
  if (found->text == "<&" && !made.target.unknown && is_descriptor(made.target) &&
      made.target.text != "-") {
    made.kind = RedirectionKind::read;  // what the descriptor gives is read from here on
    made.target.text.insert(0, "/dev/fd/");
  } else if (found->text == "<&" && !is_descriptor(made.target)) {
    made.target.unknown = true;
  }
  out_->draft.redirections.push_back(std::move(made));
  return Found::yes;
}

}  // namespace berm::shell

#include "rules/shell/lexer.h"

namespace berm::shell {

bool is_metacharacter(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' ||
         c == ')' || c == '<' || c == '>';
}

bool Lexer::at_continuation() const {
  return at_ + 1 < limit_ && text_[at_] == '\\' && text_[at_ + 1] == '\n';
}

void Lexer::skip_blanks() {
  while (at_ < limit_) {
    if (text_[at_] == ' ' || text_[at_] == '\t') {
      ++at_;
    } else if (at_continuation()) {
      at_ += 2;
    } else {
      return;
    }
  }
}

bool Lexer::word(Cells& cells) {
  const std::size_t begin = at_;
  while (at_ < limit_) {
    const char c = text_[at_];
    bool good = true;
    if (at_process_substitution()) {
      good = substitution(cells, false);
    } else if (is_metacharacter(c)) {
      break;
    } else if (c == '\\') {
      good = escape(cells);
    } else if (c == '\'') {
      good = single_quoted(cells);
    } else if (c == '"') {
      good = double_quoted(cells);
    } else if (c == '$') {
      good = dollar(cells, false);
    } else if (c == '`') {
      good = backticks(cells, false);
    } else {
      cells.cells.push_back({c, How::plain});
      ++at_;
    }
    if (!good) return false;
  }
  return at_ > begin;
}

bool Lexer::escape(Cells& cells) {
  if (at_ + 1 >= limit_) return false;
  const char next = text_[at_ + 1];
  at_ += 2;
  if (next == '\n') return true;
  cells.cells.push_back({next, How::quoted});
  cells.quotes = true;
  return true;
}

bool Lexer::single_quoted(Cells& cells) {
  const std::size_t end = text_.find('\'', at_ + 1);
  if (end >= limit_) return false;
  for (std::size_t i = at_ + 1; i < end; ++i) cells.cells.push_back({text_[i], How::quoted});
  cells.quotes = true;
  at_ = end + 1;
  return true;
}

bool Lexer::double_quoted(Cells& cells) {
  if (++nesting_ > 64) return false;
  ++at_;
  cells.quotes = true;
  while (at_ < limit_ && text_[at_] != '"') {
    const char c = text_[at_];
    bool good = true;
    if (c == '\\') {
      good = double_quoted_escape(cells, false);
    } else if (c == '$') {
      good = dollar(cells, true);
    } else if (c == '`') {
      good = backticks(cells, true);
    } else {
      cells.cells.push_back({c, How::quoted});
      ++at_;
    }
    if (!good) return false;
  }
  --nesting_;
  return at_++ < limit_;
}

bool Lexer::double_quoted_escape(Cells& cells, bool here_document) {
  if (at_ + 1 >= limit_) return here_document ? (++at_, true) : false;
  const char next = text_[at_ + 1];
  at_ += 2;
  if (next == '\n') return true;
  const bool escapes =
      next == '$' || next == '`' || next == '\\' || (next == '"' && !here_document);
  if (!escapes) cells.cells.push_back({'\\', How::quoted});
  cells.cells.push_back({next, How::quoted});
  return true;
}

bool Lexer::ansi_c(Cells& cells) {
  const std::size_t begin = at_ + 2;
  std::size_t end = begin;
  while (end < limit_ && text_[end] != '\'') end += text_[end] == '\\' ? 2U : 1U;
  if (end >= limit_) return false;
  for (const char c : decode_ansi_c(text_.substr(begin, end - begin))) {
    cells.cells.push_back({c, How::quoted});
  }
  cells.quotes = true;
  at_ = end + 1;
  return true;
}

bool Lexer::words(std::size_t at, Lexed& out) {
  at_ = at;
  out_ = &out;
  while (true) {
    skip_blanks();
    out.end = at_;
    if (at_ >= limit_ || text_[at_] == ';' || text_[at_] == '\n') return true;
    if (text_[at_] == '#') return false;
    Cells cells;
    if (!word(cells)) return false;
    finish(cells, out.draft.words);
  }
}

bool Lexer::one_word(std::size_t at, Lexed& out) {
  at_ = at;
  out_ = &out;
  Cells cells;
  if (!word(cells)) return false;
  out.end = at_;
  finish(cells, out.draft.words);
  return true;
}

}  // namespace berm::shell

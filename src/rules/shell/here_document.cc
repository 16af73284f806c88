#include "rules/shell/lexer.h"

namespace berm::shell {

// bash takes quotes off the delimiter and expands nothing in it.
bool Lexer::delimiter(std::string& text, bool& quoted) {
  const std::size_t begin = at_;
  Cells cells;
  for (; at_ < limit_ && !is_metacharacter(text_[at_]);) {
    const char c = text_[at_];
    if (c == '$' || c == '`') return false;  // odd enough not to be trusted
    const bool good = c == '\\'   ? escape(cells)
                      : c == '\'' ? single_quoted(cells)
                      : c == '"'  ? double_quoted(cells)
                                  : (cells.cells.push_back({c, How::plain}), ++at_, true);
    if (!good) return false;
  }
  for (const Cell& cell : cells.cells) text += cell.c;
  quoted = cells.quotes;
  return at_ > begin && text.find('\n') == std::string::npos;
}

// The body starts on the next line, which the tree must agree with; its end is the first line that
// is the delimiter.
bool Lexer::here_document(std::size_t operator_at, bool strip_tabs) {
  std::string end_line;
  bool quoted = false;
  const HereDocument* found = syntax_.here_document_at(operator_at);
  if (!delimiter(end_line, quoted) || found == nullptr) return false;
  const std::size_t line = text_.find('\n', operator_at);
  // The grammar's body starts behind leading blanks. Where it thinks that it ends does not matter:
  // a statement inside of our body, or text behind it that is in no statement, is noticed.
  if (line >= limit_ || found->body <= line || !out_->bodies.empty()) return false;
  for (std::size_t at = line + 1; at < limit_;) {
    const std::size_t stop = std::min(text_.find('\n', at), limit_);
    std::string_view candidate = text_.substr(at, stop - at);
    while (strip_tabs && candidate.starts_with('\t')) candidate.remove_prefix(1);
    if (candidate == end_line) {
      out_->bodies.emplace_back(line + 1, stop);
      return body(line + 1, at, !quoted, strip_tabs);
    }
    at = stop + 1;
  }
  return false;
}

bool Lexer::body(std::size_t from, std::size_t to, bool expands, bool strip_tabs) {
  Cells cells;
  const std::size_t back = std::exchange(at_, from);
  const std::size_t outer_limit = std::exchange(limit_, to);
  bool good = true;
  while (good && at_ < to) {
    const char c = text_[at_];
    if (strip_tabs && c == '\t' && (at_ == from || text_[at_ - 1] == '\n')) {
      while (at_ < to && text_[at_] == '\t') ++at_;
    } else if (expands && c == '\\') {
      good = double_quoted_escape(cells, true);
    } else if (expands && c == '$') {
      good = dollar(cells, true);
    } else if (expands && c == '`') {
      good = backticks(cells, true);
    } else {
      cells.cells.push_back({c, How::quoted});
      ++at_;
    }
  }
  good = good && at_ == to;
  at_ = back;
  limit_ = outer_limit;
  out_->draft.redirections.push_back({RedirectionKind::here_document, as_one(cells)});
  return good;
}

}  // namespace berm::shell

// Expansions inside of words: $x, ${…}, $(…), `…`, $((…)), <(…).
#include "rules/shell/lexer.h"

namespace berm::shell {
namespace {

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::size_t name_end(std::string_view text, std::size_t at) {
  while (at < text.size() && (starts_name(text[at]) || (text[at] >= '0' && text[at] <= '9'))) ++at;
  return at;
}

}  // namespace

void Lexer::unknown(Cells& cells, bool quoted) const {
  cells.cells.push_back({kUnknownPart, quoted ? How::quoted : How::expanded});
  if (quoted) cells.quotes = true;
}

bool Lexer::at_process_substitution() const {
  return at_ + 1 < limit_ && (text_[at_] == '<' || text_[at_] == '>') && text_[at_ + 1] == '(';
}

bool Lexer::dollar(Cells& cells, bool quoted) {
  const char next = at_ + 1 < limit_ ? text_[at_ + 1] : '\0';
  if (next == '(') return substitution(cells, quoted);
  if (next == '{') return parameter(cells, quoted);
  // "$[1+1]" is undocumented arithmetic; "$\<newline>x" is "$x".
  if (next == '[' || (next == '\\' && at_ + 2 < limit_ && text_[at_ + 2] == '\n')) return false;
  if (next == '\'' && !quoted) return ansi_c(cells);
  if (next == '"' && !quoted) {
    ++at_;
    return double_quoted(cells);
  }
  if (starts_name(next)) {
    const std::size_t begin = at_ + 1;
    at_ = std::min(name_end(text_, begin), limit_);
    return variable(text_.substr(begin, at_ - begin), cells, quoted, begin);
  }
  if (next != '\0' && std::string_view("@*#?-$!0123456789").find(next) != std::string_view::npos) {
    at_ += 2;
    unknown(cells, quoted);
    if (next == '@') cells.many = true;
    return true;
  }
  cells.cells.push_back({'$', quoted ? How::quoted : How::plain});
  ++at_;
  return true;
}

bool Lexer::variable(std::string_view name, Cells& cells, bool quoted, std::size_t use) {
  const std::string* value = variables_ == nullptr ? nullptr : variables_->value(name, use);
  if (value == nullptr) {
    unknown(cells, quoted);
    return true;
  }
  for (const char c : *value) cells.cells.push_back({c, quoted ? How::quoted : How::expanded});
  return true;
}

bool Lexer::parameter(Cells& cells, bool quoted) {
  const std::size_t begin = at_ + 2;
  const std::size_t end = name_end(text_, begin);
  if (end < limit_ && end > begin && text_[end] == '}' && starts_name(text_[begin])) {
    at_ = end + 1;
    return variable(text_.substr(begin, end - begin), cells, quoted, begin);
  }
  // bash 5.3: "${ command; }" and "${| command; }".
  if (begin >= limit_ || text_[begin] == '|' || is_metacharacter(text_[begin])) return false;
  at_ = begin;
  if (!parameter_rest(quoted)) return false;
  const std::string_view inside = text_.substr(begin, at_ - 1 - begin);
  unknown(cells, quoted);
  if (inside.find('@') != std::string_view::npos) cells.many = true;
  // ${x@P} expands x as a prompt: command substitutions in it run.
  if (inside.ends_with("@P")) {
    out_->unclear.push_back({Obscurity::dynamic_code, shortened(inside)});
  }
  return true;
}

// Up to and with the '}'.
bool Lexer::parameter_rest(bool quoted) {
  if (++nesting_ > 64) return false;
  Cells ignored;
  while (at_ < limit_ && text_[at_] != '}') {
    const char c = text_[at_];
    bool good = true;
    if (c == '\\') {
      at_ += 2;
    } else if (c == '\'' && !quoted) {
      good = single_quoted(ignored);
    } else if (c == '"') {
      good = double_quoted(ignored);
    } else if (c == '$') {
      good = dollar(ignored, quoted);
    } else if (c == '`') {
      good = backticks(ignored, quoted);
    } else if (!quoted && at_process_substitution()) {
      good = substitution(ignored, quoted);
    } else if (c == '{' || c == '\'') {
      good = false;  // what they mean here depends on the operator and on bash's version
    } else {
      ++at_;
    }
    if (!good) return false;
  }
  --nesting_;
  return at_++ < limit_;
}

// The ')' that closes the "$((" at at_, if the two close together: bash then reads arithmetic, and
// else a subshell in a substitution. npos where quotes make that hard to say.
std::size_t Lexer::arithmetic_end() const {
  int depth = 2;
  for (std::size_t at = at_ + 3; at < limit_; ++at) {
    const char c = text_[at];
    if (c == '\'' || c == '"' || c == '\\') return std::string_view::npos;
    if (c == '`') {
      const std::size_t close = text_.find_first_of("`\\", at + 1);
      if (close >= limit_ || text_[close] == '\\') return std::string_view::npos;
      at = close;
    }
    if (c == '(') ++depth;
    if (c == ')' && --depth == 1) return at + 1 < limit_ && text_[at + 1] == ')' ? at + 2 : 0;
  }
  return std::string_view::npos;
}

bool Lexer::substitution(Cells& cells, bool quoted) {
  if (text_.substr(at_, 3) == "$((") {
    const std::size_t end = arithmetic_end();
    if (end == std::string_view::npos || end > limit_) return false;
    if (end > 0) {
      if (!region(at_ + 3, end - 2, Region::arithmetic, *out_)) return false;
      at_ = end;
      unknown(cells, quoted);
      return true;
    }
  }
  const Substitution* found = syntax_.substitution_at(at_);
  if (found == nullptr || found->node.end > limit_ || found->node.end < at_ + 3) return false;
  const std::size_t begin = at_;
  const bool process = text_[begin] != '$';
  if (found->kind == Span::arithmetic || process != (found->kind == Span::process)) return false;
  if (text_[found->node.end - 1] != ')') return false;
  out_->inner.push_back({.substitution = found, .backticks = {}});
  at_ = found->node.end;
  unknown(cells, quoted || process);
  return true;
}

bool Lexer::backticks(Cells& cells, bool quoted) {
  std::string code;
  for (++at_; at_ < limit_ && text_[at_] != '`'; ++at_) {
    if (text_[at_] == '\\' && at_ + 1 < limit_) {
      const char next = text_[at_ + 1];
      const bool escapes = next == '$' || next == '`' || next == '\\' || (next == '"' && quoted);
      if (!escapes) code += '\\';
      code += next;
      ++at_;
    } else {
      code += text_[at_];
    }
  }
  if (at_ >= limit_) return false;
  ++at_;
  out_->inner.push_back({.substitution = nullptr, .backticks = std::move(code)});
  unknown(cells, quoted);
  return true;
}

bool Lexer::region(std::size_t at, std::size_t end, Region kind, Lexed& out) {
  if (++nesting_ > 64) return false;
  const std::size_t outer_at = at_;
  Lexed* const outer = out_;
  const std::size_t outer_limit = std::exchange(limit_, end);
  at_ = at;
  out_ = &out;
  int depth = 0;
  bool good = end <= outer_limit || outer_limit == 0;
  while (good && at_ < end) good = region_character(kind, depth);
  good = good && at_ == end && depth == 0;
  out.end = end;
  at_ = outer_at;
  limit_ = outer_limit;
  out_ = outer;
  --nesting_;
  return good;
}

bool Lexer::region_character(Region kind, int& depth) {
  Cells ignored;
  const char c = text_[at_];
  const bool arithmetic = kind == Region::arithmetic;
  const bool token = at_ == 0 || is_metacharacter(text_[at_ - 1]);
  if (c == '\\') return !arithmetic && escape(ignored);
  if (c == '\'') return !arithmetic && single_quoted(ignored);
  if (c == '"') return !arithmetic && double_quoted(ignored);
  if (c == '$') return dollar(ignored, arithmetic);
  if (c == '`') return backticks(ignored, arithmetic);
  if (!arithmetic && at_process_substitution()) return substitution(ignored, false);
  if (kind == Region::test && token) {
    if (c == '#' || text_.substr(at_, 2) == "]]") return false;
  }
  if (kind != Region::pattern && c == '(') ++depth;
  if (kind != Region::pattern && c == ')' && --depth < 0) return false;
  const std::string_view refused = arithmetic ? "" : kind == Region::test ? ";" : ";&<>()\n";
  if (refused.find(c) != std::string_view::npos) return false;
  ++at_;
  return true;
}

}  // namespace berm::shell

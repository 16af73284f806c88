// No byte of a text may be left that is neither in a command nor a token that joins commands: what
// the tree skipped or took for something else shows up here.
#include <algorithm>

#include "rules/shell/reader.h"

namespace berm::shell {
namespace {

constexpr std::string_view kKeywords[] = {"if",    "then", "elif", "else", "fi",     "while",
                                          "until", "for",  "in",   "do",   "done",   "{",
                                          "case",  "esac", "}",    "!",    "select", "function"};
constexpr std::string_view kClosing[] = {"then", "elif", "else", "fi", "do", "done", "esac", "}"};
// Longest first.
constexpr std::string_view kTokens[] = {";;&", ";;", ";&", "&&", "||", "|&",
                                        ";",   "&",  "|",  "(",  ")"};

std::string_view word_at(std::string_view text, std::size_t at, std::size_t limit) {
  std::size_t end = at;
  while (end < limit && !is_metacharacter(text[end])) ++end;
  return text.substr(at, end - at);
}

bool is_keyword(std::string_view word) {
  for (const std::string_view keyword : kKeywords) {
    if (word == keyword) return true;
  }
  return false;
}

// "!(a)" is a pattern where extglob is on, and a negated subshell where it is not.
bool opens_pattern(std::string_view text, std::size_t at, std::size_t limit) {
  return text[at] == '!' && at + 1 < limit && text[at + 1] == '(';
}

std::size_t token_length(std::string_view rest) {
  for (const std::string_view token : kTokens) {
    if (rest.starts_with(token)) return token.size();
  }
  return 0;
}

}  // namespace

std::size_t Reader::skip_blanks(std::size_t at) const {
  while (at < limit_) {
    if (text_[at] == ' ' || text_[at] == '\t') {
      ++at;
    } else if (text_[at] == '\\' && at + 1 < limit_ && text_[at + 1] == '\n') {
      at += 2;
    } else {
      return at;
    }
  }
  return at;
}

bool Reader::inside_covered(std::size_t at) const {
  if (at >= covered_to_) return false;
  for (const auto& [begin, end] : covered_) {
    if (at >= begin && at < end) return true;
  }
  return false;
}

bool Reader::ends_well(std::size_t end) const {
  const std::size_t at = skip_blanks(end);
  if (at >= limit_ || text_[at] == '\n' || text_[at] == '#') return true;
  if (std::string_view(";&|)").find(text_[at]) != std::string_view::npos) return true;
  const std::string_view word = word_at(text_, at, limit_);
  for (const std::string_view closing : kClosing) {
    if (word == closing) return at > end;  // "}}" is one word
  }
  return false;
}

// The first byte in [begin, end) that no rule accounts for; `end` if there is none.
std::size_t Reader::first_uncovered(std::size_t begin, std::size_t end) const {
  Spans spans = covered_;
  std::sort(spans.begin(), spans.end());
  std::size_t next = 0;
  bool token_start = true;
  for (std::size_t at = begin; at < end;) {
    while (next < spans.size() && spans[next].second <= at) ++next;
    if (next < spans.size() && spans[next].first <= at) {
      at = spans[next].second;
      token_start = false;
      continue;
    }
    const std::size_t stop = next < spans.size() ? std::min(end, spans[next].first) : end;
    const char c = text_[at];
    if (c == ' ' || c == '\t' || c == '\n') {
      ++at;
      token_start = true;
    } else if (c == '\\' && at + 1 < stop && text_[at + 1] == '\n') {
      at += 2;
    } else if (c == '#' && token_start) {
      const std::size_t line = text_.find('\n', at);
      if (line > stop && stop != end) return at;  // a command in what bash takes for a comment
      at = std::min(line, end);
    } else if (const std::size_t token = token_length(text_.substr(at, stop - at)); token > 0) {
      at += token;
      token_start = true;
    } else if (const std::string_view word = word_at(text_, at, end);
               token_start && is_keyword(word) && !opens_pattern(text_, at, end)) {
      at += word.size();
      token_start = false;
    } else {
      return at;
    }
  }
  return end;
}

}  // namespace berm::shell

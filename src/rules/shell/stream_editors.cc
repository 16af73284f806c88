// awk and sed programs: whether they start others.
#include "rules/shell/programs.h"

namespace berm::shell {
namespace {

bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Behind a literal that starts at `at` with its own closing character.
std::size_t skip_literal(std::string_view text, std::size_t at) {
  const char close = text[at];
  bool bracket = false;
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (close == '/' && text[at] == '[') {
      bracket = true;
    } else if (close == '/' && text[at] == ']') {
      bracket = false;
    } else if (text[at] == close && !bracket) {
      return at + 1;
    }
  }
  return text.size();
}

}  // namespace

// POSIX awk: system(), "cmd" | getline, print | "cmd"; gawk: |&, @load, @indirect(), inplace.
bool is_dangerous_awk(std::string_view program) {
  char before = '\n';  // the last character that is no blank
  for (std::size_t at = 0; at < program.size();) {
    const char c = program[at];
    if (c == '"') {
      at = skip_literal(program, at);
      before = '"';
    } else if (c == '/' &&
               std::string_view("(,{;~!&|\n=?:").find(before) != std::string_view::npos) {
      at = skip_literal(program, at);
      before = '/';
    } else if (c == '#') {
      at = std::min(program.find('\n', at), program.size());
    } else if (c == '|' && at + 1 < program.size() && program[at + 1] == '|') {
      at += 2;
      before = '|';
    } else if (c == '|' || c == '@') {
      return true;
    } else if (is_identifier(c)) {
      std::size_t end = at;
      while (end < program.size() && is_identifier(program[end])) ++end;
      const std::string_view name = program.substr(at, end - at);
      if (name == "system" || name == "extension") return true;
      at = end;
      before = name == "in" || name == "print" || name == "return" ? '(' : 'a';
    } else {
      if (c != ' ' && c != '\t') before = c;
      ++at;
    }
  }
  return false;
}

namespace {

/// Reads a sed script command by command (GNU sed manual, 6); `failed` where it cannot.
class SedScript {
 public:
  SedScript(std::string_view text, bool brackets) : text_(text), brackets_(brackets) {}

  void read() {
    while (!failed_ && !runs_ && skip_separators()) command();
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool runs_programs() const { return runs_; }

 private:
  bool skip_separators() {
    while (at_ < text_.size() &&
           std::string_view(" \t\n;{}").find(text_[at_]) != std::string_view::npos)
      ++at_;
    return at_ < text_.size();
  }

  void delimited(char delimiter) {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '[' && brackets_) {
        bracket();
      } else if (text_[at_] == delimiter) {
        ++at_;
        return;
      }
    }
    failed_ = true;
  }

  // "[^]/]": a delimiter in it counts in some versions only.
  void bracket() {
    const std::size_t first = at_ + (text_.substr(at_ + 1, 1) == "^" ? 2U : 1U);
    const std::size_t close = text_.find(']', first + 1);
    if (close != std::string_view::npos) at_ = close;
  }

  void address() {
    const char c = text_[at_];
    if (c == '/' || (c == '\\' && at_ + 1 < text_.size())) {
      const char delimiter = c == '/' ? '/' : text_[at_ + 1];
      at_ += c == '/' ? 1U : 2U;
      delimited(delimiter);
      while (at_ < text_.size() && (text_[at_] == 'I' || text_[at_] == 'M')) ++at_;
    } else {
      ++at_;
    }
  }

  void line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  void substitute() {
    if (at_ >= text_.size()) {
      failed_ = true;
      return;
    }
    const char delimiter = text_[at_++];
    delimited(delimiter);
    if (failed_) return;
    delimited(delimiter);
    for (; at_ < text_.size(); ++at_) {
      const char flag = text_[at_];
      if (flag == 'e') runs_ = true;
      if (flag == 'w') return line();
      if (std::string_view("gpiImMe0123456789").find(flag) == std::string_view::npos) return;
    }
  }

  void transliterate() {
    const char delimiter = at_ < text_.size() ? text_[at_++] : '\n';
    delimited(delimiter);
    if (!failed_) delimited(delimiter);
  }

  void command() {
    while (at_ < text_.size() &&
           std::string_view("0123456789$/\\,!~+ \t").find(text_[at_]) != std::string_view::npos) {
      address();
      if (failed_) return;
    }
    if (at_ >= text_.size()) return;
    const char name = text_[at_++];
    if (name == 'e') runs_ = true;
    if (name == 's') return substitute();
    if (name == 'y') return transliterate();
    if (name == '#' || name == 'r' || name == 'R' || name == 'w' || name == 'W') return line();
    if (name == 'a' || name == 'i' || name == 'c') return appended();
    if (name == ':' || name == 'b' || name == 't' || name == 'T' || name == 'v') {
      at_ = std::min(text_.find_first_of("\n;}", at_), text_.size());
      return;
    }
    if (std::string_view("{}=dDgGhHnNpPqQxzlF").find(name) == std::string_view::npos) {
      failed_ = true;
      return;
    }
    while (at_ < text_.size() && ((text_[at_] >= '0' && text_[at_] <= '9') || text_[at_] == ' '))
      ++at_;
    const bool ends = at_ >= text_.size() ||
                      std::string_view(" \t\n;{}#").find(text_[at_]) != std::string_view::npos;
    if (!ends && name != '{' && name != '}') failed_ = true;
  }

  // Text up to a line end that no backslash hides.
  void appended() {
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
  }

  std::string_view text_;
  bool brackets_;
  std::size_t at_ = 0;
  bool failed_ = false;
  bool runs_ = false;
};

}  // namespace

bool is_dangerous_sed(std::string_view script) {
  SedScript with(script, true);
  SedScript without(script, false);
  with.read();
  without.read();
  return with.runs_programs() || without.runs_programs() || (with.failed() && without.failed());
}

}  // namespace berm::shell

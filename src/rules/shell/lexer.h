// src/rules/shell/lexer.h: bash's words and redirections, read from the text itself. Where a
// substitution ends the tree says; everything else is bash's own rules, so that a tree that is
// wrong without an error is noticed.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/shell/parts.h"
#include "rules/shell/syntax.h"
#include "rules/shell/variables.h"

namespace berm::shell {

/// Code inside a word, read after the command that it stands in.
struct InnerCode {
  const Substitution* substitution = nullptr;
  std::string backticks;  ///< if there is no substitution: its code, unescaped
};

/// What one simple command's text holds.
struct Lexed {
  Draft draft;
  std::vector<std::size_t> assigned_at;  ///< position of each assignment's name; npos: an array …
                                         ///< … or an appending one
  std::vector<InnerCode> inner;
  std::vector<Unclear> unclear;
  std::vector<std::pair<std::size_t, std::size_t>> bodies;  ///< of here-documents, with their end
  std::size_t end = 0;
};

enum class Region : std::uint8_t { test, arithmetic, pattern };

class Lexer {
 public:
  /// Reads from `text` up to `limit`. `variables` is nullptr where none may be resolved.
  Lexer(std::string_view text, std::size_t limit, const Syntax& syntax, const Variables* variables)
      : text_(text), limit_(limit), syntax_(syntax), variables_(variables) {}

  /// Each returns false if the text is not what bash would read there.
  [[nodiscard]] bool simple_command(std::size_t at, Lexed& out);
  [[nodiscard]] bool redirections(std::size_t at, Lexed& out);
  [[nodiscard]] bool words(std::size_t at, Lexed& out);  ///< up to a separator
  [[nodiscard]] bool one_word(std::size_t at, Lexed& out);
  [[nodiscard]] bool region(std::size_t at, std::size_t end, Region kind, Lexed& out);

 private:
  enum class How : std::uint8_t { plain, quoted, expanded };
  struct Cell {
    char c = 0;
    How how = How::plain;
  };
  struct Cells {
    std::vector<Cell> cells;
    bool quotes = false;  ///< "" is a word too
    bool many = false;    ///< "$@": quoted, and still any number of words
  };
  enum class Found : std::uint8_t { no, yes, failed };

  // lexer.cc: words
  [[nodiscard]] bool word(Cells& cells);
  [[nodiscard]] bool escape(Cells& cells);
  [[nodiscard]] bool single_quoted(Cells& cells);
  [[nodiscard]] bool double_quoted(Cells& cells);
  [[nodiscard]] bool double_quoted_escape(Cells& cells, bool here_document);
  [[nodiscard]] bool ansi_c(Cells& cells);
  void skip_blanks();
  [[nodiscard]] bool at_continuation() const;
  // expansion.cc
  [[nodiscard]] bool dollar(Cells& cells, bool quoted);
  [[nodiscard]] bool parameter(Cells& cells, bool quoted);
  [[nodiscard]] bool parameter_rest(bool quoted);
  [[nodiscard]] bool variable(std::string_view name, Cells& cells, bool quoted, std::size_t use);
  [[nodiscard]] bool substitution(Cells& cells, bool quoted);
  [[nodiscard]] std::size_t arithmetic_end() const;
  [[nodiscard]] bool backticks(Cells& cells, bool quoted);
  [[nodiscard]] bool at_process_substitution() const;
  [[nodiscard]] bool region_character(Region kind, int& depth);
  void unknown(Cells& cells, bool quoted) const;
  // command_text.cc: assignments, redirections, words of a command
  [[nodiscard]] bool item(bool words_too);
  [[nodiscard]] Found assignment();
  [[nodiscard]] Found assigned_name(std::string& name, bool& appends);
  [[nodiscard]] bool array(Assignment& into);
  [[nodiscard]] Found redirection();
  [[nodiscard]] bool here_document(std::size_t operator_at, bool strip_tabs);
  [[nodiscard]] bool delimiter(std::string& text, bool& quoted);
  [[nodiscard]] bool body(std::size_t from, std::size_t to, bool expands, bool strip_tabs);
  // braces.cc: cells to words
  void finish(const Cells& cells, std::vector<Word>& out) const;
  static bool is_pattern(const Cells& cells, std::size_t at);
  static ShellWord as_one(const Cells& cells);
  static std::vector<std::size_t> brace_marks(const Cells& cells, std::size_t open);
  static std::vector<std::vector<Cell>> alternatives(const Cells& cells,
                                                     const std::vector<std::size_t>& marks);
  static std::vector<Cells> braces(const Cells& cells, bool& expanded);
  static void split(const Cells& cells, bool from_braces, std::vector<Word>& out);

  std::string_view text_;
  std::size_t limit_ = 0;
  const Syntax& syntax_;
  const Variables* variables_ = nullptr;
  std::size_t at_ = 0;
  unsigned nesting_ = 0;
  Lexed* out_ = nullptr;
};

/// $'…' without its quotes (bash manual, 3.1.2.4).
[[nodiscard]] std::string decode_ansi_c(std::string_view text);
[[nodiscard]] bool is_metacharacter(char c);  ///< ends a word if it is not quoted

}  // namespace berm::shell

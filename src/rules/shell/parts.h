// src/rules/shell/parts.h: what the files of this room pass to each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/shell/shell.h"

namespace berm::shell {

/// A word with what matters only while wrappers are taken off.
struct Word : ShellWord {
  bool splits = false;  ///< may become no word or several: an unquoted $x, "$@"
  bool plain = false;   ///< nothing in it is quoted or expanded: may be a reserved word
  bool braces = false;  ///< came out of a brace expansion
};

/// What a program reads from its standard input, as far as the text says.
struct Stdin {
  enum class Kind : std::uint8_t { inherited, literal, unknown };
  Kind kind = Kind::inherited;
  std::string text;    ///< literal: all of it
  bool piped = false;  ///< comes through a pipe
};

/// Where a piece of code stands.
struct Context {
  std::vector<std::string> wrappers;
  Stdin in;
  unsigned depth = 0;     ///< code in code
  bool straight = true;   ///< runs once, always, in the shell that reads the text
  bool repeated = false;  ///< in a loop or a function: runs again after what follows it
};

/// One simple command, on its way from words to what it runs.
struct Draft {
  std::vector<Word> words;
  std::vector<Assignment> assignments;
  std::vector<Redirection> redirections;
  std::vector<std::string> wrappers;
  std::uint32_t pipeline = 0;
  std::uint32_t stage = 0;
  std::string source;
  Stdin in;
  unsigned depth = 0;
};

/// The answer that is being put together, and the limits on its making.
class Answer {
 public:
  ShellScript script;
  /// Every simple command's words as the text has them, before anything is taken off and without
  /// code in arguments. The test that compares with another parser asks for it.
  std::vector<std::vector<std::string>>* spoken = nullptr;

  void unclear(Obscurity kind, std::string_view text);
  [[nodiscard]] std::uint32_t new_pipeline() { return next_pipeline_++; }
  /// False once code in code has used up what a text may cost.
  [[nodiscard]] bool may_read(std::string_view code);

 private:
  std::uint32_t next_pipeline_ = 0;
  std::size_t bytes_read_ = 0;
};

/// Reads `code` and appends what it runs. Returns true if it may have changed variables in a way
/// that the text around it cannot know.
void read_code(Answer& answer, std::string_view code, const Context& context);

/// Takes wrappers off, understands code in arguments and records what is left. Returns what the
/// command writes to its standard output if that is known.
struct Conclusion {
  std::optional<std::string> output;
  bool changes_variables = false;  ///< eval, source, read …: no variable is known after it
};
[[nodiscard]] Conclusion conclude(Answer& answer, Draft draft);

[[nodiscard]] std::string shortened(std::string_view text);  ///< at most 512 bytes
[[nodiscard]] std::string_view base_name(std::string_view path);
[[nodiscard]] bool is_name(std::string_view text);  ///< POSIX 3.235
[[nodiscard]] std::string joined(const std::vector<Word>& words, std::size_t from);
[[nodiscard]] bool any_unknown(const std::vector<Word>& words, std::size_t from);

}  // namespace berm::shell

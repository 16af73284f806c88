// src/rules/tools/invocation.h: one command, asked about its options and operands. Internal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/shell/shell.h"
#include "rules/tools/decide.h"

namespace berm {

/// The base name by which rules know a program: "/usr/bin/python3.11" is "python", "pip3" "pip".
[[nodiscard]] std::string_view program_name(std::string_view word);

/// How many words of `words` run a tool of the project and name it next: 2 for "npx --yes prisma",
/// 0 if there are none.
[[nodiscard]] std::size_t runner_words(const std::vector<ShellWord>& words);

/// A command as the packs ask about it. Views into the command: it must outlive this.
class Invocation {
 public:
  /// @param skip  words in front that only run it (runner_words).
  Invocation(const SimpleCommand& command, std::string_view cwd, const ToolContext& context,
             std::size_t skip = 0);

  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] const SimpleCommand& command() const { return command_; }
  [[nodiscard]] std::string_view cwd() const { return cwd_; }
  [[nodiscard]] const ToolContext& context() const { return context_; }

  /// Every word behind the program.
  [[nodiscard]] const std::vector<const ShellWord*>& words() const { return words_; }
  /// Those that are no option and no option's value (as far as we know the program's options).
  [[nodiscard]] const std::vector<const ShellWord*>& operands() const { return operands_; }
  /// The n-th operand; "" if there are fewer.
  [[nodiscard]] std::string_view operand(std::size_t n) const;
  /// True if the operands begin with these words: verb("remote set-url").
  [[nodiscard]] bool verb(std::string_view blank_separated) const;

  /// True if one of the options is there: has("-f --force"). A single letter is found within a
  /// cluster ("-rf"), a long one with a value ("--force=yes").
  [[nodiscard]] bool has(std::string_view options) const;
  /// The value of one of the options, however it is attached; "" if there is none.
  [[nodiscard]] std::string_view value(std::string_view options) const;
  /// The same for an option that may stand more than once.
  [[nodiscard]] std::vector<std::string_view> values(std::string_view options) const;

  /// `word` as an absolute, lexically normal path. Unknown parts stay as they are.
  [[nodiscard]] std::string path(const ShellWord& word) const;

 private:
  void sort_words(std::size_t skip);

  const SimpleCommand& command_;
  std::string_view cwd_;
  const ToolContext& context_;
  std::string program_;
  std::vector<const ShellWord*> words_;
  std::vector<const ShellWord*> operands_;
};

/// True if `word` is one of the blank-separated `list`.
[[nodiscard]] bool is_one_of(std::string_view word, std::string_view list);

/// `path`, seen from `cwd` and `home`, absolute and lexically normal ("~/x", "a/../b", "/").
[[nodiscard]] std::string normal_path(std::string_view path, std::string_view cwd,
                                      std::string_view home);

/// True if `path` is `root` or lies beneath it.
[[nodiscard]] bool is_within(std::string_view path, std::string_view root);

}  // namespace berm

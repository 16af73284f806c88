// src/rules/shell/programs.h: what single programs do with code in their arguments, their input
// and their environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/shell/parts.h"

namespace berm::shell {

/// What a shell is given to run.
struct ShellCall {
  std::optional<Word> code;  ///< of -c
  bool reads_stdin = false;  ///< no -c and no script
  std::optional<Word> file;  ///< a script
  bool unknown_option = false;
  bool injected = false;  ///< --rcfile, --init-file
};
[[nodiscard]] bool is_shell(std::string_view name);
/// Of another syntax than ours: csh, PowerShell, nu. Its code is not read.
[[nodiscard]] bool is_foreign_shell(std::string_view name);
[[nodiscard]] ShellCall read_shell_call(const std::vector<Word>& words);
/// A file name that stands for the standard input or another descriptor.
[[nodiscard]] bool is_descriptor_file(std::string_view path);

/// Interpreters of other languages, editors, stream editors: what is wrong with `draft`, if
/// anything.
void check_interpreter(Answer& answer, const Draft& draft, std::string_view name);
[[nodiscard]] bool is_dangerous_code(std::string_view language, std::string_view code);
[[nodiscard]] bool is_dangerous_awk(std::string_view program);
[[nodiscard]] bool is_dangerous_sed(std::string_view script);

/// Options that make a harmless program run code.
void check_options(Answer& answer, const Draft& draft, std::string_view name);
void check_git(Answer& answer, const Draft& draft);
/// Variables that do.
void check_assignments(Answer& answer, const Draft& draft);

/// What `draft` writes to its standard output, if the text says it: echo, printf, cat of a
/// here-document, base64 -d.
[[nodiscard]] std::optional<std::string> literal_output(const Draft& draft, std::string_view name);

}  // namespace berm::shell

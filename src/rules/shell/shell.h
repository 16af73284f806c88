// src/rules/shell/shell.h: a shell command line as berm understands it: every command it would run.
//
// Help, not the boundary: what a shell does is decided when it runs. What cannot be understood is
// named (`unclear`), never guessed; the policy decides what that leads to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// Stands in ShellWord::text for each part that is only known when the shell runs.
inline constexpr char kUnknownPart = '\x1a';

/// A word after quote removal, ANSI-C strings decoded, adjacent parts joined.
struct ShellWord {
  std::string text;
  bool unknown = false;  ///< holds a kUnknownPart
  bool glob = false;     ///< holds an unquoted '*', '?' or '['
  bool operator==(const ShellWord&) const = default;
};

enum class RedirectionKind : std::uint8_t {
  read,
  write,  ///< '>', '>|', '&>', '<>' too: the target may be written
  append,
  here_document,  ///< `target` is the body
  here_string,
  duplicate,  ///< 2>&1
};

struct Redirection {
  RedirectionKind kind = RedirectionKind::read;
  ShellWord target;
  bool operator==(const Redirection&) const = default;
};

struct Assignment {
  std::string name;
  ShellWord value;
  bool operator==(const Assignment&) const = default;
};

/// One program that would be started (or one builtin), after the wrappers in front of it were taken
/// off: `sudo env A=1 timeout 5 rm -rf x` is `rm -rf x` with wrappers sudo, env, timeout.
struct SimpleCommand {
  std::vector<ShellWord> words;         ///< words[0] is the program as written ("/bin/rm", "rm")
  std::vector<Assignment> assignments;  ///< in front of it, env's and export's too
  std::vector<Redirection> redirections;
  std::vector<std::string> wrappers;  ///< outermost first, by base name: "sudo", "xargs", "sh"
  std::uint32_t pipeline = 0;         ///< commands of one pipeline share it …
  std::uint32_t stage = 0;            ///< … in this order; a nested one has numbers of its own
  std::string source;                 ///< its text, for messages; at most 512 bytes
};

/// Why a part was not understood, or why it is more than its words say.
enum class Obscurity : std::uint8_t {
  unparsable,          ///< the parser found an error, or we know of none but do not trust the tree
  too_long,            ///< more than kMaxShellText bytes
  too_deep,            ///< code in code in code …
  control_characters,  ///< in a command word, or bidirectional controls anywhere
  not_ascii,           ///< a command word that is not printable ASCII: homoglyphs
  dynamic_command,     ///< the program is decided when it runs: $X, $(…), a glob, an alias
  dynamic_code,        ///< sh -c, eval, source … of something only known at run time
  piped_code,          ///< an interpreter that reads its program from a pipe or redirection
  inline_code,         ///< a program given to another language's interpreter that can start others
  unknown_wrapper,     ///< something that starts what its arguments say, and that we cannot unwrap
  injected_code,       ///< an assignment or option that makes a harmless program run code
  redefinition,        ///< alias, function or hash that gives a later word another meaning
};
[[nodiscard]] std::string_view name_of(Obscurity kind);

struct Unclear {
  Obscurity kind = Obscurity::unparsable;
  std::string text;  ///< the part it is about; at most 512 bytes
};

struct ShellScript {
  std::vector<SimpleCommand> commands;  ///< in the order of the text, inner ones after their outer
  std::vector<Unclear> unclear;         ///< empty: all of it was understood
};

inline constexpr std::size_t kMaxShellText = 64 << 10;

/// Reads `text` as bash would. Never fails: what it cannot read is in `unclear`.
[[nodiscard]] ShellScript understand_shell(std::string_view text);

/// The parse as `berm why exec` shows it, a line a command and a line an unclear part; escaped for
/// a terminal.
[[nodiscard]] std::string to_text(const ShellScript& script);

}  // namespace berm

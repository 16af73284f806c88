// src/rules/shell/wrappers.h: programs that start what their arguments say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/shell/options.h"
#include "rules/shell/parts.h"

namespace berm::shell {

enum class Unwrapping : std::uint8_t {
  none,       ///< no wrapper, or it starts nothing here: `command -v x`, `env`
  taken_off,  ///< draft.words is the inner command now
  code,       ///< the inner command is text for a shell
  shell,      ///< it starts a shell that reads its standard input
  unknown,    ///< it starts something, we cannot say what
};

struct Unwrapped {
  Unwrapping kind = Unwrapping::none;
  Word code = {};
  bool uncertain = false;  ///< an unquoted $x stood in front of the inner command
};

/// Takes one wrapper off; its name is not yet among draft.wrappers.
[[nodiscard]] Unwrapped unwrap(Draft& draft, std::string_view name);

/// A wrapper that stays a command of its own, since it does more than start something: ssh, docker,
/// find, npx. Everything that it starts.
struct Started {
  std::vector<std::vector<Word>> commands;
  std::vector<Word> codes;
  bool unknown = false;
};
[[nodiscard]] Started started_by(const std::vector<Word>& words, std::string_view name);
[[nodiscard]] Started started_by_find(const std::vector<Word>& words);
[[nodiscard]] Started started_by_container(const std::vector<Word>& words, std::string_view name);
[[nodiscard]] Started started_by_runner(const std::vector<Word>& words, std::string_view name);

/// `text` where a word stands for something that is known later ("{}").
void make_unknown(Word& word, std::string_view placeholder);
[[nodiscard]] Word unknown_word();

}  // namespace berm::shell

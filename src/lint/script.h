// src/lint/script.h: a shell script as the programs that it starts, each where it stands. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lint/node.h"

namespace berm::lint {

/// Of a command: what its quotes hold, and where in the script's value.
struct Word {
  std::string text;
  Span span;
};

/// A program that is started, after what stands in front of it (sudo, env, timeout, npx) was taken
/// off.
struct Command {
  std::vector<Word> words;                                       ///< words[0] is the program
  std::vector<std::string> wrappers;                             ///< "sudo", "sh", "docker"
  std::vector<std::pair<std::string, std::string>> assignments;  ///< in front of it
  Span span;                                                     ///< in the script's value
  std::uint32_t pipeline = 0;                                    ///< commands of one share it …
  std::uint32_t stage = 0;                                       ///< … in this order

  [[nodiscard]] std::string_view program() const;  ///< its base name; "" = none
  [[nodiscard]] bool has(std::string_view word) const;
};

struct Script {
  const Source* file = nullptr;
  const Node* node = nullptr;  ///< the scalar that it is the value of
  std::vector<Command> commands;

  /// Where a part of its value stands in the file.
  [[nodiscard]] Span in_file(Span part) const;
};

/// Reads what bash would read; of what is no shell, words by lines. "${{ … }}" and other templates
/// are words that nobody knows yet.
[[nodiscard]] Script read_script(const Source& file, const Node* scalar);

/// How a command starts an agent.
struct AgentStart {
  std::size_t program = 0;  ///< index of the agent's word; its arguments are behind it
  bool in_berm = false;     ///< "berm run claude …"
};
/// nullopt: it starts none, or only asks for its version, its help, logs in …
[[nodiscard]] std::optional<AgentStart> agent_start(const Command& command);
/// True if the words of one could be in the text: cheap, and no more than a hint.
[[nodiscard]] bool may_start_agent(std::string_view script);

}  // namespace berm::lint

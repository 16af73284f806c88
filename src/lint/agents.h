// src/lint/agents.h: what a coding agent is called, and what it is told by its flags. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berm::lint {

/// True for a program of a coding agent, by its base name: "claude", "codex", …
[[nodiscard]] bool is_agent_program(std::string_view word);
/// True for an npm or PyPI package that such a program comes from, without its version.
[[nodiscard]] bool is_agent_package(std::string_view name);
/// True for an image with such a program, by its name.
[[nodiscard]] bool is_agent_image(std::string_view image);
/// "owner/repo[/path]" in lower case: an action that runs an agent.
[[nodiscard]] bool is_agent_action(std::string_view action);
/// One that asks itself whether the actor may write, unless it is told not to.
[[nodiscard]] bool checks_actor(std::string_view action);

/// True for the name of a variable that holds a key of a model, a cloud, a registry or a forge.
[[nodiscard]] bool is_key_name(std::string_view variable);
/// True for the key that an agent asks its model with: it cannot work without.
[[nodiscard]] bool is_model_key_name(std::string_view variable);

/// Words among an agent's arguments that take its questions or its sandbox off. Two words are one
/// where the flag's value decides ("--sandbox danger-full-access").
struct BypassUse {
  std::size_t first = 0;  ///< index of the word
  std::size_t count = 1;
};
[[nodiscard]] std::vector<BypassUse> bypasses_in(const std::vector<std::string_view>& words);

/// Tools in a list such as "Bash(npm test),Edit Read": commas and blanks part them, but not inside
/// their parentheses. Offsets are those of the list.
struct ToolUse {
  std::string_view tool;
  std::size_t at = 0;
};
[[nodiscard]] std::vector<ToolUse> tools_in(std::string_view list);
/// "Bash", "Bash(*)", "*": any command.
[[nodiscard]] bool is_broad_tool(std::string_view tool);
/// "Bash(python:*)", "Bash(git:*)": a program that starts any other, or sends anything anywhere.
[[nodiscard]] bool is_subshell_tool(std::string_view tool);
/// "WebFetch", "WebFetch(*)": any address. A search engine is asked for words.
[[nodiscard]] bool is_web_tool(std::string_view tool);

/// A key that was written out, by its form: its offset and length in `text`.
struct LiteralKey {
  std::size_t at = 0;
  std::size_t size = 0;
  std::string_view kind;  ///< "a key of Anthropic"
};
[[nodiscard]] std::vector<LiteralKey> literal_keys_in(std::string_view text);
/// True for a value that stands for a key and is none: "", "changeme", "$KEY", "<your key>".
[[nodiscard]] bool is_placeholder(std::string_view value);

}  // namespace berm::lint

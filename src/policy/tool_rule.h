// src/policy/tool_rule.h: the patterns of [tools]: "Bash(npm test)", "Read(//etc/**)", "mcp__*".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berm {

/// What a pattern's specifier is about; follows from the tool's name.
enum class ToolSubject : std::uint8_t {
  tool,     ///< nothing but the tool's name
  command,  ///< Bash(npm run *)
  read,     ///< Read(**/.env)
  write,    ///< Edit(/src/**), Write(…)
  url,      ///< WebFetch(domain:example.com), WebFetch(https://example.com/*)
  kind,     ///< Agent(Explore), Skill(name)
  exec,     ///< Exec(ssh *): programs that are started, by whomever
};

/// A pattern in its parts.
struct ToolPattern {
  std::string tool;  ///< '*' stands for any run of characters
  ToolSubject subject = ToolSubject::tool;
  std::string specifier;  ///< "" = any; "Bash(*)" is "Bash"
  bool operator==(const ToolPattern&) const = default;
};

/// @return Errc::invalid_policy saying what is wrong, why, and the nearest right form: no tool's
///         name, a misspelt one, an empty or unclosed "(…)", a specifier for a tool that has none,
///         a path that is meant absolute and would be read as the workspace's.
[[nodiscard]] Result<ToolPattern> parse_tool_pattern(std::string_view text);

}  // namespace berm

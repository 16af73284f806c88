// src/rules/tools/decide.h: what the policy says of one tool call, or of one program that is
// started. The hooks and execve(2) ask the same rules, so that the two cannot drift.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "rules/shell/shell.h"

namespace berm {

/// One call of a tool, whatever agent it comes from, in the words of Claude Code.
struct ToolCall {
  std::string tool;     ///< "Bash", "Write", "mcp__github__create_issue"
  std::string command;  ///< of a tool that runs shell commands; "" if it does not
  bool runs_shell = false;
  struct Path {
    std::string
        path;  ///< absolute, lexically normal ("/work/a/../b" is "/work/b"); links unresolved
    bool write = false;
  };
  std::vector<Path> paths;
  std::vector<std::string> urls;
  std::string cwd;   ///< absolute
  std::string kind;  ///< of Agent its type ("Explore"), of Skill its name; else ""
};

/// One execve(2), as the kernel saw it.
struct ExecCall {
  std::string executable;  ///< absolute path inside, links resolved
  std::vector<std::string> argv;
  std::string cwd;
  bool complete = true;  ///< false: argv had more than was read
};

/// Where the rules stand: relative patterns, "~" and the critical paths are seen from here.
struct ToolContext {
  std::string workspace;  ///< the repository's root inside, absolute
  std::string home;       ///< absolute
};

struct ToolDecision {
  /// allow, report and rewrite let the call through; the strongest of what was found.
  ToolAction action = ToolAction::allow;
  std::string
      rule;  ///< what decided: "tools.deny Bash(curl *)", "pack git: force-push"; "" = default
  std::string reason;   ///< a sentence the model can read and act on; "" when allowed
  std::string rewrite;  ///< rewrite: a JSON object, merged into the tool's input (RFC 7396)
  std::vector<std::string> reported;  ///< rules with action "report" that matched
};

/// The policy, compiled once. Thread-safe: decisions change nothing.
class ToolRules {
 public:
  /// @return Errc::invalid_policy with the rule that cannot be understood.
  [[nodiscard]] static Result<ToolRules> compile(const ToolPolicy& policy, ToolContext context);

  /// First deny wins, then ask, then the user's allow, then the packs, then what is unclear, then
  /// `otherwise`. A shell
  /// command is judged command by command: one that is denied denies all of it, and an allow must
  /// cover each. A rewrite and reports come with whatever allows.
  [[nodiscard]] ToolDecision decide(const ToolCall& call) const;

  /// The same for a program that is being started: the rules on commands, seen on its argv (code
  /// given to `sh -c` is not looked into: what it starts asks again). Rules without a command
  /// ("Bash", "*") and `otherwise` speak of calls alone. Takes a few microseconds.
  [[nodiscard]] ToolDecision decide(const ExecCall& call) const;

 private:
  struct Compiled;
  explicit ToolRules(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

/// The packs that berm brings, in the order in which they are asked.
struct ToolPack {
  std::string_view name;
  std::string_view about;  ///< one sentence
};
[[nodiscard]] std::span<const ToolPack> tool_packs();

}  // namespace berm

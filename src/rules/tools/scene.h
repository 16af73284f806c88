// src/rules/tools/scene.h: a call or a started program, read once for all rules. Internal.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "rules/tools/patterns.h"

namespace berm {

/// Neither copied nor moved: the invocations point into the script.
class Scene {
 public:
  Scene(const ToolCall& call, const ToolContext& context);
  /// @param script  the one command that was started; kept.
  Scene(const ExecCall& call, const ToolContext& context, ShellScript script);
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const ToolCall* call = nullptr;  ///< nullptr: a program is started
  std::string tool;                ///< "Bash", "Exec"
  std::string text;                ///< the command with single blanks
  ShellScript script;
  std::vector<Invocation> commands;      ///< one a command of the script
  std::vector<Invocation> inner;         ///< `npx prisma …` once more as `prisma …`
  std::vector<CommandLines> lines;       ///< one a command of the script
  std::vector<FileUse> files;            ///< named by the commands …
  std::vector<std::size_t> files_owner;  ///< … with the index of the command
  std::deque<std::string> directories;   ///< in which the commands run

 private:
  void read_commands(std::string_view cwd, const ToolContext& context);
  void read_files(const Invocation& command, std::size_t index);
};

/// "Bash(git push --force)", shortened and made safe to show.
[[nodiscard]] std::string shown(std::string_view tool, std::string_view text);
[[nodiscard]] std::string shown(const Scene& scene, const SimpleCommand* about);

}  // namespace berm

#include "rules/tools/scene.h"

#include <fmt/format.h>

#include "base/text.h"

namespace berm {
namespace {

// Where the next commands run after a `cd`. A place that is only known at run time changes nothing:
// relative paths are then taken as they were before.
std::string directory_after(const Invocation& command) {
  if (command.program() != "cd" && command.program() != "pushd") {
    return std::string(command.cwd());
  }
  if (command.operands().empty()) return command.context().home;
  const ShellWord& target = *command.operands().front();
  if (target.unknown || target.glob || target.text == "-") return std::string(command.cwd());
  return command.path(target);
}

}  // namespace

Scene::Scene(const ToolCall& asked, const ToolContext& context) : call(&asked), tool(asked.tool) {
  if (!asked.runs_shell) return;
  text = normal_text(asked.command);
  script = understand_shell(asked.command);
  lines.reserve(script.commands.size());
  for (const SimpleCommand& command : script.commands) lines.push_back(lines_of(command));
  read_commands(asked.cwd.empty() ? context.workspace : asked.cwd, context);
}

Scene::Scene(const ExecCall& asked, const ToolContext& context, ShellScript started)
    : tool("Exec"), script(std::move(started)) {
  const SimpleCommand& command = script.commands.front();
  text = line_of(command.words);
  CommandLines forms = lines_of(command);
  // argv[0] is whatever the caller chose; the kernel's word counts as well.
  const std::string rest = text.substr(command.words.front().text.size());
  forms.others.push_back(asked.executable + rest);
  forms.others.push_back(asked.executable.substr(asked.executable.rfind('/') + 1) + rest);
  lines.push_back(std::move(forms));
  read_commands(asked.cwd, context);
}

void Scene::read_commands(std::string_view cwd, const ToolContext& context) {
  directories.emplace_back(cwd);
  commands.reserve(script.commands.size());
  for (std::size_t i = 0; i < script.commands.size(); ++i) {
    const SimpleCommand& command = script.commands[i];
    commands.emplace_back(command, directories.back(), context);
    read_files(commands.back(), i);
    if (const std::size_t skip = runner_words(command.words); skip > 0) {
      inner.emplace_back(command, directories.back(), context, skip);
    }
    std::string next = directory_after(commands.back());
    if (next != directories.back()) directories.push_back(std::move(next));
  }
}

void Scene::read_files(const Invocation& command, std::size_t index) {
  for (FileUse& use : files_of(command)) {
    files.push_back(std::move(use));
    files_owner.push_back(index);
  }
}

std::string shown(std::string_view tool, std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string out;
  for (const char c : text) {
    if (c == kUnknownPart) {
      out += "…";
    } else {
      out += c;
    }
  }
  if (out.size() > kMost) {
    std::size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0U) == 0x80) --end;
    out.resize(end);
    out += " …";
  }
  return out.empty() ? printable(tool) : fmt::format("{}({})", printable(tool), printable(out));
}

std::string shown(const Scene& scene, const SimpleCommand* about) {
  if (about == nullptr) return shown(scene.tool, scene.text);
  return shown(scene.tool, about->source.empty() ? line_of(about->words) : about->source);
}

}  // namespace berm

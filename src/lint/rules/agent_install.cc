#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// "claude-code@2.1.128", "aider-chat==0.86": what is said of the version; "" = nothing.
std::string_view version_of(std::string_view word, std::string_view& name) {
  std::size_t at = word.find("==");
  if (at == word.npos) at = word.rfind('@');
  name = word.substr(0, at == 0 ? word.npos : at);
  if (at == 0 || at == word.npos) return "";
  return word.substr(at + (word[at] == '=' ? 2 : 1));
}

bool installs(const Command& command) {
  static constexpr std::array<std::string_view, 12> kPrograms = {
      "npm", "npx", "pnpm", "yarn", "bun", "bunx", "pip", "pip3", "pipx", "uv", "uvx", "pnpx"};
  return std::ranges::find(kPrograms, command.program()) != kPrograms.end() ||
         (command.program().starts_with("python") && command.has("pip"));
}

void check(const Model& model, Report& report) {
  for (const auto& [job, script, command] : commands_of(model)) {
    if (!installs(command)) continue;
    for (const Word& word : command.words) {
      std::string_view name;
      const std::string_view version = version_of(word.text, name);
      const bool moves = version.empty() || version == "latest" || version == "next";
      if (!is_agent_package(name) || !moves) continue;
      report.add(*script.file, script.in_file(word.span),
                 fmt::format("{} of the day is installed, with its install scripts", name));
    }
  }
}

}  // namespace

const Rule unpinned_agent_install{
    .id = "unpinned-agent-install",
    .title = "an agent without a version",
    .severity = Severity::low,
    .why =
        "Nx, s1ngularity and their like were in the registry for hours: a version that was looked "
        "at is not replaced by them.",
    .bad = "run: npm install -g @anthropic-ai/claude-code",
    .good = "run: npm install -g @anthropic-ai/claude-code@2.1.128 --ignore-scripts",
    .fix = "name the version",
    .check = check};

}  // namespace berm::lint

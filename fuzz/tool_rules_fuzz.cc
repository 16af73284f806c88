// fuzz/tool_rules_fuzz.cc: a command that is denied stays denied, whatever harmless commands stand
// around it. The input's first line is the pattern of a deny rule, the rest the command.
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/tool_rule.h"
#include "rules/tools/decide.h"

namespace {

const berm::ToolContext kContext = {.workspace = "/workspace/app", .home = "/home/agent"};

berm::ToolAction decide(const berm::ToolRules& rules, std::string command) {
  const berm::ToolCall call{.tool = "Bash",
                            .command = std::move(command),
                            .runs_shell = true,
                            .paths = {},
                            .urls = {},
                            .cwd = "/workspace/app",
                            .kind = {}};
  return rules.decide(call).action;
}

// What a started program says of itself may be anything; only that it returns is asked.
void decide_exec(const berm::ToolRules& rules, std::string_view command) {
  berm::ExecCall call{.executable = "/usr/bin/git", .argv = {}, .cwd = "/workspace/app"};
  while (!command.empty()) {
    const std::size_t end = command.find(' ');
    call.argv.emplace_back(command.substr(0, end));
    command.remove_prefix(end == std::string_view::npos ? command.size() : end + 1);
  }
  if (rules.decide(call).reason.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos || size > 4096) return 0;
  berm::ToolPolicy policy;
  policy.on_unclear = berm::ToolMatch::report;
  policy.rules.push_back({.action = berm::ToolAction::deny,
                          .match = std::string(text.substr(0, line)),
                          .reason = {},
                          .rewrite = {}});
  const auto rules = berm::ToolRules::compile(policy, kContext);
  if (rules.has_value() != berm::parse_tool_pattern(text.substr(0, line)).has_value()) std::abort();
  if (!rules) return 0;
  const std::string command(text.substr(line + 1));
  decide_exec(*rules, command);
  // Text in which nothing is unclear is commands and nothing else: no open quote, here-document or
  // comment swallows what is put behind it.
  if (!berm::understand_shell(command).unclear.empty()) return 0;
  if (decide(*rules, command) != berm::ToolAction::deny) return 0;
  if (decide(*rules, command + "\ntrue\n") != berm::ToolAction::deny) std::abort();
  if (decide(*rules, "true; " + command) != berm::ToolAction::deny) std::abort();
  return 0;
}

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_broad(std::string_view tool) {
  static constexpr std::string_view kAll[] = {
      "*",          "Bash",         "Bash(*)",      "Bash(:*)",         "Bash(**)",
      "Bash(sh:*)", "Bash(bash:*)", "Bash(eval:*)", "run_shell_command"};
  return std::ranges::find(kAll, tool) != std::end(kAll);
}

// Commas and blanks part tools, but not inside their parentheses.
void look(const Workflow& workflow, const Node& node, std::size_t begin, std::size_t end,
          Report& report) {
  const std::string& text = node.value;
  int depth = 0;
  std::size_t from = begin;
  for (std::size_t at = begin; at <= end; ++at) {
    const char c = at < end ? text[at] : ',';
    if (c == '(') ++depth;
    if (c == ')') --depth;
    const bool parts = c == ',' || c == ' ' || c == '\n' || c == '"' || c == '\'';
    if (!parts || depth > 0) continue;
    if (is_broad(std::string_view(text).substr(from, at - from))) {
      report.add(*workflow.file, span_in(*workflow.file, node, from, at - from),
                 fmt::format("the agent may run any command: {}", text.substr(from, at - from)));
    }
    from = at + 1;
  }
}

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      for (const WorkflowStep& step : job.steps) {
        if (step.agent == AgentUse::none) continue;
        for (const char* key : {"allowed_tools", "allowed-tools"}) {
          const Node* tools = get(step.node, {"with", key});
          if (is_scalar(tools)) look(workflow, *follow(tools), 0, text_of(tools).size(), report);
        }
        for (const StepText& text : texts_of(step)) {
          if (text.where != "run" && text.where != "with.claude_args") continue;
          const std::string& value = text.node->value;
          for (const std::string_view flag : {"--allowedTools", "--allowed-tools"}) {
            for (std::size_t at = value.find(flag); at != std::string::npos;
                 at = value.find(flag, at + 1)) {
              const std::size_t begin = value.find_first_not_of(" =", at + flag.size());
              if (begin == std::string::npos) break;
              const char quote = value[begin];
              const bool quoted = quote == '"' || quote == '\'';
              const std::size_t end =
                  quoted ? value.find(quote, begin + 1) : value.find_first_of(" \n", begin);
              look(workflow, *text.node, begin, std::min(end, value.size()), report);
            }
          }
        }
      }
    }
  }
}

}  // namespace

const Rule agent_broad_tools{
    .id = "agent-broad-tools",
    .title = "an agent that may run any command",
    .severity = Severity::medium,
    .why =
        "An allow-list with Bash in it allows curl, git push and everything else; one that allows "
        "echo allows $(…) in some clients (Trail of Bits, vectors F and I).",
    .bad = "claude_args: --allowedTools \"Bash,Edit\"",
    .good = "claude_args: --allowedTools \"Bash(npm test),Edit\"",
    .fix = "list the commands, or run the agent by berm, which holds what a command does",
    .check = check};

}  // namespace berm::lint

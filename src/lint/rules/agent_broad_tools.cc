#include <fmt/format.h>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void look(const Model& model, bool (*matches)(std::string_view), std::string_view what,
          Report& report) {
  for (const AgentAt& at : agents_of(model)) {
    if (at.agent.in_berm) continue;
    for (const Said& tool : at.agent.tools) {
      if (matches(tool.text))
        report.add(*at.agent.file, tool.span, fmt::format("{}: {}", what, printable(tool.text)));
    }
  }
  for (const Settings& one : model.settings) {
    for (const Said& tool : one.tools.tools) {
      if (matches(tool.text))
        report.add(*one.file, tool.span, fmt::format("{}: {}", what, printable(tool.text)));
    }
  }
}

void check(const Model& model, Report& report) {
  look(model, is_broad_tool, "the agent may run any command", report);
}

void check_subshell(const Model& model, Report& report) {
  look(model, is_subshell_tool, "this tool runs or sends whatever it is told", report);
}

// Who reads strangers' text and asks for any address can be made to send what it knows there.
void check_web(const Model& model, Report& report) {
  for (const AgentAt& at : agents_of(model)) {
    const Trigger* trigger =
        at.job.workflow == nullptr ? nullptr : at.job.workflow->untrusted_trigger();
    if (trigger == nullptr || at.agent.in_berm) continue;
    for (const Said& tool : at.agent.tools) {
      if (!is_web_tool(tool.text)) continue;
      Finding& found = report.add(
          *at.agent.file, tool.span,
          fmt::format("{}: what the agent knows leaves by an address", printable(tool.text)));
      found.path = {with_note(trigger->at, "strangers' text comes in here"),
                    {at.agent.file, tool.span, "and can ask for any address"}};
    }
  }
}

}  // namespace

const Rule agent_broad_tools{
    .id = "agent-broad-tools",
    .title = "an agent that may run any command",
    .severity = Severity::medium,
    .why =
        "An allow-list with Bash in it allows curl, git push and everything else (Trail of Bits, "
        "vector I).",
    .bad = "claude_args: --allowedTools \"Bash,Edit\"",
    .good = "claude_args: --allowedTools \"Bash(npm test),Edit\"",
    .fix = "list the commands, or run the agent by berm, which holds what a command does",
    .check = check};

const Rule agent_subshell_tool{
    .id = "agent-subshell-tool",
    .title = "an allowed program that starts or sends anything",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "git has aliases, hooks and --upload-pack, find has -exec, npm has scripts, and curl is "
        "the network: a pattern that allows every word behind them allows every command (Trail of "
        "Bits, vector F; GuardFall, July 2026).",
    .bad = "claude_args: --allowedTools \"Bash(git:*),Bash(python:*)\"",
    .good = "claude_args: --allowedTools \"Bash(git diff:*),Bash(npm test)\"",
    .fix = "name the subcommands, or run the agent by berm, which holds what a command does",
    .check = check_subshell};

const Rule agent_web_tool{
    .id = "agent-web-tool",
    .title = "an agent of strangers' text that may ask for any address",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "An address is a message: https://evil.example/?k=KEY is all that an exfiltration needs, "
        "and no shell.",
    .bad = "on: issues\n…\nclaude_args: --allowedTools \"Read,WebFetch\"",
    .good = "claude_args: --allowedTools \"Read,WebFetch(domain:docs.example.com)\"",
    .fix = "name the domains, or leave the tool out",
    .check = check_web};

}  // namespace berm::lint

#include "policy/tool_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/glob.h"
#include "base/text.h"

namespace berm {
namespace {

// Tools of the agents we know. A name that is nearly one of them is a typo: the rule would be
// accepted and never match.
constexpr std::string_view kTools[] = {
    "Agent",
    "Artifact",
    "AskUserQuestion",
    "Bash",
    "CronCreate",
    "CronDelete",
    "CronList",
    "Edit",
    "EnterPlanMode",
    "EnterWorktree",
    "Exec",
    "ExitPlanMode",
    "ExitWorktree",
    "Glob",
    "Grep",
    "LS",
    "LSP",
    "Monitor",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "PowerShell",
    "Read",
    "RemoteTrigger",
    "SendMessage",
    "Skill",
    "Task",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Workflow",
    "Write",
    "apply_patch",
    "exec_command",
    "run_shell_command",
    "write_file",
    "read_file",
    "replace",
    "web_fetch",
    "shell",
    "write_stdin",
};

struct Family {
  std::string_view tool;
  ToolSubject subject;
};

constexpr Family kFamilies[] = {
    {"Bash", ToolSubject::command}, {"Read", ToolSubject::read},    {"Edit", ToolSubject::write},
    {"Write", ToolSubject::write},  {"WebFetch", ToolSubject::url}, {"Agent", ToolSubject::kind},
    {"Task", ToolSubject::kind},    {"Skill", ToolSubject::kind},   {"Exec", ToolSubject::exec},
};

// A specifier on these is what Claude Code accepts and never asks.
constexpr std::pair<std::string_view, std::string_view> kInstead[] = {
    {"MultiEdit", "Edit"},    {"NotebookEdit", "Edit"},
    {"Glob", "Read"},         {"Grep", "Read"},
    {"LS", "Read"},           {"NotebookRead", "Read"},
    {"Monitor", "Bash"},      {"PowerShell", "Bash"},
    {"apply_patch", "Edit"},  {"run_shell_command", "Bash"},
    {"exec_command", "Bash"},
};

constexpr std::string_view kSystemRoots[] = {"bin", "boot", "dev",  "etc",  "home", "lib",
                                             "mnt", "opt",  "proc", "root", "run",  "sbin",
                                             "sys", "tmp",  "usr",  "var"};

tl::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return failure(Errc::invalid_policy, fmt::format("tool pattern '{}' {}", text, why));
}

Result<void> check_name(std::string_view text, std::string_view tool) {
  constexpr std::string_view kName =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/@*";
  if (tool.empty())
    return bad(text, "names no tool; write \"Bash(npm test)\" or \"mcp__github__*\"");
  if (tool.find_first_not_of(kName) != std::string_view::npos) {
    return bad(text, "does not begin with a tool's name; a command is written \"Bash(npm test)\"");
  }
  if (tool.find('*') != std::string_view::npos || tool.starts_with("mcp__")) return {};
  if (std::ranges::find(kTools, tool) != std::end(kTools)) return {};
  const std::string wanted = lower(tool);
  for (const std::string_view known : kTools) {
    if (lower(known) == wanted)
      return bad(text, fmt::format("would never match; did you mean '{}'?", known));
  }
  // Other agents have tools of their own, so only what is one slip away from a known name is
  // refused; a '*' in the name ("Bosh*") says that it is meant.
  const std::string_view near = nearest(tool, kTools);
  if (near.empty() || tool.size() < 4) return {};
  return bad(text, fmt::format("names no tool we know; did you mean '{}'?", near));
}

Result<ToolSubject> subject_of(std::string_view text, std::string_view tool) {
  for (const Family& family : kFamilies) {
    if (family.tool == tool) return family.subject;
  }
  for (const auto& [name, instead] : kInstead) {
    if (name != tool) continue;
    const std::string_view rest = text.substr(tool.size());
    return bad(text,
               fmt::format("would never be asked: '{}{}' speaks of {} too", instead, rest, name));
  }
  return bad(text,
             fmt::format("has a '(…)', which {} does not take; only Bash, Read, Edit, Write, "
                         "WebFetch, Agent, Skill and Exec do",
                         tool.find('*') == std::string_view::npos ? tool : "a name with '*'"));
}

Result<void> check_path(std::string_view text, std::string_view tool, std::string_view path) {
  const bool absolute = path.starts_with("//");
  if (!absolute && path.starts_with('/')) {
    const std::string_view first = split(path.substr(1), '/').front();
    if (std::ranges::find(kSystemRoots, first) != std::end(kSystemRoots)) {
      return bad(text, fmt::format("is read from the workspace's root; write '{}(/{})' for the "
                                   "system's, or '{}(.{})' for the workspace's",
                                   tool, path, tool, path));
    }
  }
  std::string_view rest = path;
  if (rest.starts_with("~/")) rest.remove_prefix(2);
  while (rest.starts_with('/')) rest.remove_prefix(1);
  if (rest.empty() || rest == "~" || rest == ".") return {};
  const Result<Glob> glob = Glob::parse(rest);
  if (!glob)
    return bad(text, fmt::format("holds a path that cannot be read: {}", glob.error().what));
  return {};
}

Result<void> check_url(std::string_view text, std::string_view url) {
  constexpr std::string_view kHost = "abcdefghijklmnopqrstuvwxyz0123456789-._*:[]";
  if (url.starts_with("domain:")) {
    const std::string host = lower(url.substr(7));
    const std::size_t star = host.find('*', host.starts_with("*.") ? 1 : 0);
    if (!host.empty() && host != "*." && host.find_first_not_of(kHost) == std::string::npos &&
        (star == std::string::npos || host == "*")) {
      return {};
    }
    return bad(text,
               "names no host; write \"WebFetch(domain:example.com)\" or "
               "\"WebFetch(domain:*.example.com)\"");
  }
  if (url.starts_with("http://") || url.starts_with("https://") || url.starts_with('*')) return {};
  return bad(text, fmt::format("needs a host or an address: write \"WebFetch(domain:{})\" or "
                               "\"WebFetch(https://{}*)\"",
                               url, url));
}

Result<void> check_specifier(std::string_view text, const ToolPattern& pattern) {
  switch (pattern.subject) {
    case ToolSubject::read:
    case ToolSubject::write:
      return check_path(text, pattern.tool, pattern.specifier);
    case ToolSubject::url:
      return check_url(text, pattern.specifier);
    case ToolSubject::kind:
    case ToolSubject::tool:
    case ToolSubject::command:
    case ToolSubject::exec:
      return {};
  }
  return {};
}

}  // namespace

Result<ToolPattern> parse_tool_pattern(std::string_view text) {
  if (text.size() > 1024) return bad(text.substr(0, 64), "is longer than 1024 bytes");
  for (const char c : text) {
    // Nothing a rule could match on: a normalised command has none of them.
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return bad(printable(text), "holds a control character");
    }
  }
  const std::size_t open = text.find('(');
  ToolPattern pattern{.tool = std::string(trim(text.substr(0, open))),
                      .subject = ToolSubject::tool,
                      .specifier = {}};
  if (open == std::string_view::npos && text.find(')') != std::string_view::npos) {
    return bad(text, "has a ')' without a '('");
  }
  BERM_TRY(check_name(text, pattern.tool));
  if (open == std::string_view::npos) {
    for (const Family& family : kFamilies) {
      if (family.tool == pattern.tool) pattern.subject = family.subject;
    }
    return pattern;
  }
  if (!text.ends_with(')')) return bad(text, "has a '(' without a ')' at its end");
  pattern.subject = BERM_TRY(subject_of(text, pattern.tool));
  pattern.specifier = std::string(trim(text.substr(open + 1, text.size() - open - 2)));
  if (pattern.specifier.empty()) {
    return bad(text, fmt::format("has nothing between '(' and ')'; for every use write '{}'",
                                 pattern.tool));
  }
  if (pattern.specifier == "*") pattern.specifier.clear();
  if (!pattern.specifier.empty()) BERM_TRY(check_specifier(text, pattern));
  return pattern;
}

}  // namespace berm

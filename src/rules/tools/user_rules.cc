#include "rules/tools/user_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm {
namespace {

constexpr std::string_view kReaders = "Read Grep Glob NotebookRead LS read_file view";
constexpr std::string_view kWriters =
    "Edit Write MultiEdit NotebookEdit apply_patch write_file replace";
constexpr std::string_view kFetchers = "WebFetch web_fetch fetch";
constexpr std::string_view kAgents = "Agent Task";

bool is_named(const UserRule& rule, std::string_view tool) {
  const std::string& pattern = rule.pattern.tool;
  if (wildcard_matches(pattern, tool)) return true;
  // "mcp__github" is every tool of that server.
  return pattern.starts_with("mcp__") && pattern.find("__", 5) == std::string::npos &&
         tool.starts_with(pattern + "__");
}

bool is_of_family(const UserRule& rule, const ToolCall& call) {
  const auto any_path = [&](bool write) {
    return std::ranges::any_of(call.paths, [&](const auto& path) { return path.write == write; });
  };
  switch (rule.pattern.subject) {
    case ToolSubject::tool:
      return is_named(rule, call.tool);
    case ToolSubject::command:
      return call.runs_shell || call.tool == rule.pattern.tool;
    case ToolSubject::read:
      return is_one_of(call.tool, kReaders) || any_path(false);
    case ToolSubject::write:
      return is_one_of(call.tool, kWriters) || any_path(true);
    case ToolSubject::url:
      return is_one_of(call.tool, kFetchers) || !call.urls.empty();
    case ToolSubject::kind:
      return call.tool == rule.pattern.tool ||
             (is_one_of(call.tool, kAgents) && is_one_of(rule.pattern.tool, kAgents));
    case ToolSubject::exec:
      return false;
  }
  return false;
}

std::optional<std::string> finds_command(const CommandPattern& pattern, const Scene& scene) {
  if (pattern.is_pipeline()) {
    const SimpleCommand* last = pattern.find_pipeline(scene.script.commands, scene.lines);
    if (last != nullptr) return shown(scene, nullptr);
  }
  for (std::size_t i = 0; i < scene.lines.size(); ++i) {
    if (pattern.matches_any(scene.lines[i])) return shown(scene, &scene.script.commands[i]);
  }
  if (pattern.matches(scene.text)) return shown(scene, nullptr);
  return std::nullopt;
}

std::optional<std::string> finds_path(const UserRule& rule, const Scene& scene) {
  const bool write = rule.pattern.subject == ToolSubject::write;
  if (scene.call != nullptr) {
    for (const ToolCall::Path& path : scene.call->paths) {
      if (path.write == write && rule.path->matches(path.path)) return shown(scene.tool, path.path);
    }
  }
  for (std::size_t i = 0; i < scene.files.size(); ++i) {
    if (scene.files[i].write == write && rule.path->may_match(scene.files[i])) {
      return shown(scene, &scene.script.commands[scene.files_owner[i]]);
    }
  }
  return std::nullopt;
}

// Wrappers that change how a command runs, not what, nor for whom.
bool wrappers_are_harmless(const SimpleCommand& command) {
  return std::ranges::all_of(command.wrappers, [](const std::string& wrapper) {
    return is_one_of(wrapper,
                     "timeout time nice ionice nohup stdbuf command builtin noglob env "
                     "setsid sh bash dash zsh exec");
  });
}

bool redirects_within(const Invocation& command, const ToolContext& context) {
  return std::ranges::all_of(command.command().redirections, [&](const Redirection& redirection) {
    const bool write =
        redirection.kind == RedirectionKind::write || redirection.kind == RedirectionKind::append;
    if (!write) return true;
    if (redirection.target.unknown) return false;
    const std::string path = command.path(redirection.target);
    return is_within(path, context.workspace) || is_within(path, "/tmp") ||
           is_within(path, context.home) ||
           is_one_of(path, "/dev/null /dev/stdout /dev/stderr /dev/tty");
  });
}

// The pattern of a pipeline must be all of it: one more stage could be anything.
bool covers_pipeline(const UserRule& rule, const Scene& scene, std::uint32_t pipeline) {
  std::vector<SimpleCommand> commands;
  std::vector<CommandLines> lines;
  for (std::size_t i = 0; i < scene.script.commands.size(); ++i) {
    if (scene.script.commands[i].pipeline != pipeline) continue;
    commands.push_back(scene.script.commands[i]);
    lines.push_back({.written = scene.lines[i].written, .others = {}});
  }
  return rule.command->stage_count() == commands.size() &&
         rule.command->find_pipeline(commands, lines) != nullptr;
}

bool covers_command(const UserRule& rule, const Scene& scene, std::size_t index) {
  if (rule.pattern.subject != ToolSubject::command || !rule.command) return false;
  const SimpleCommand& command = scene.script.commands[index];
  if (rule.command->is_pipeline()) return covers_pipeline(rule, scene, command.pipeline);
  if (wrappers_are_harmless(command)) return rule.command->matches(scene.lines[index].written);
  std::string line = scene.lines[index].written;
  for (auto wrapper = command.wrappers.rbegin(); wrapper != command.wrappers.rend(); ++wrapper) {
    line = *wrapper + " " + line;
  }
  return rule.command->matches(line);
}

bool allow_script(const std::vector<const UserRule*>& rules, const Scene& scene,
                  const ToolContext& context) {
  // The user has read exactly this text.
  for (const UserRule* rule : rules) {
    const bool exact =
        rule->pattern.subject == ToolSubject::command && rule->command && rule->command->is_exact();
    if (exact && normal_text(rule->pattern.specifier) == scene.text) return true;
  }
  if (!scene.script.unclear.empty() || scene.commands.empty()) return false;
  for (std::size_t i = 0; i < scene.commands.size(); ++i) {
    const bool covered = std::ranges::any_of(
        rules, [&](const UserRule* rule) { return covers_command(*rule, scene, i); });
    if (!covered || !redirects_within(scene.commands[i], context)) return false;
  }
  return true;
}

// argv[0] alone proves nothing: what is allowed must be what the kernel starts.
bool allow_exec(const std::vector<const UserRule*>& rules, const Scene& scene) {
  const CommandLines& lines = scene.lines.front();
  return std::ranges::any_of(rules, [&](const UserRule* rule) {
    if (!rule->command) return false;
    const std::size_t forms = lines.others.size();
    return rule->command->matches(lines.others[forms - 1]) ||
           rule->command->matches(lines.others[forms - 2]);
  });
}

bool allow_paths(const std::vector<const UserRule*>& rules, const ToolCall& call) {
  return !call.paths.empty() && std::ranges::all_of(call.paths, [&](const ToolCall::Path& path) {
    const ToolSubject subject = path.write ? ToolSubject::write : ToolSubject::read;
    return std::ranges::any_of(rules, [&](const UserRule* rule) {
      return rule->pattern.subject == subject && rule->path && rule->path->matches(path.path);
    });
  });
}

bool allow_urls(const std::vector<const UserRule*>& rules, const ToolCall& call) {
  return !call.urls.empty() && std::ranges::all_of(call.urls, [&](const std::string& url) {
    return std::ranges::any_of(
        rules, [&](const UserRule* rule) { return rule->url && rule->url->matches(url); });
  });
}

}  // namespace

Result<UserRule> UserRule::compile(const ToolRule& rule, const ToolContext& context) {
  // Not within the braces below: what they have made so far would not be destroyed.
  ToolPattern pattern = BERM_TRY(parse_tool_pattern(rule.match));
  UserRule out{.rule = rule, .pattern = std::move(pattern), .command = {}, .path = {}, .url = {}};
  const std::string& specifier = out.pattern.specifier;
  if (specifier.empty()) return out;
  switch (out.pattern.subject) {
    case ToolSubject::command:
      out.command.emplace(specifier);
      break;
    case ToolSubject::exec:
      // A program alone means it with whatever arguments.
      out.command.emplace(specifier.find(' ') == std::string::npos ? specifier + " *" : specifier);
      break;
    case ToolSubject::read:
    case ToolSubject::write:
      out.path.emplace(specifier, context);
      break;
    case ToolSubject::url:
      out.url.emplace(specifier);
      break;
    case ToolSubject::tool:
    case ToolSubject::kind:
      break;
  }
  return out;
}

std::string UserRule::name() const {
  return fmt::format("tools.{} {}", spelling(rule.action), rule.match);
}

std::optional<std::string> finds(const UserRule& rule, const Scene& scene) {
  const ToolSubject subject = rule.pattern.subject;
  if (scene.call == nullptr) {
    if (subject == ToolSubject::exec && !rule.command) return shown(scene, nullptr);
    if (rule.command) return finds_command(*rule.command, scene);
    return rule.path ? finds_path(rule, scene) : std::nullopt;
  }
  if (subject == ToolSubject::exec) return std::nullopt;
  if (rule.path) return finds_path(rule, scene);
  if (!is_of_family(rule, *scene.call)) return std::nullopt;
  if (rule.command) return finds_command(*rule.command, scene);
  if (rule.url) {
    for (const std::string& url : scene.call->urls) {
      if (rule.url->matches(url)) return shown(scene.tool, url);
    }
    return std::nullopt;
  }
  if (subject == ToolSubject::kind && !rule.pattern.specifier.empty()) {
    if (!wildcard_matches(rule.pattern.specifier, scene.call->kind)) return std::nullopt;
    return shown(scene.tool, scene.call->kind);
  }
  return shown(scene, nullptr);
}

bool allow_all(const std::vector<const UserRule*>& rules, const Scene& scene,
               const ToolContext& context) {
  if (rules.empty()) return false;
  if (scene.call == nullptr) return allow_exec(rules, scene);
  const ToolCall& call = *scene.call;
  const bool whole = std::ranges::any_of(rules, [&](const UserRule* rule) {
    if (rule->pattern.subject == ToolSubject::exec) return false;
    if (rule->pattern.subject == ToolSubject::kind && !rule->pattern.specifier.empty()) {
      return finds(*rule, scene).has_value();
    }
    // "Edit" and "Read" speak of what a tool does, not of one that does more besides.
    const bool by_name = !rule->command && !rule->path && !rule->url;
    const bool files =
        rule->pattern.subject == ToolSubject::read || rule->pattern.subject == ToolSubject::write;
    const std::string_view family =
        rule->pattern.subject == ToolSubject::read ? kReaders : kWriters;
    return by_name && (files ? is_one_of(call.tool, family) : is_of_family(*rule, call));
  });
  if (whole) return true;
  if (call.runs_shell) return allow_script(rules, scene, context);
  return allow_paths(rules, call) || allow_urls(rules, call);
}

}  // namespace berm

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "rules/hooks/hook.h"
#include "rules/model/strict_json.h"

namespace berm {
namespace {

// A tool's input is at most a file that is written; a hook's own words are few.
constexpr JsonBounds kBounds{.bytes = 16U << 20, .depth = 64, .values = 200'000, .members = 4096};
constexpr std::size_t kLongestPath = 4096;

struct EventName {
  std::string_view name;
  HookKind kind;
};
constexpr EventName kEvents[] = {
    {"PreToolUse", HookKind::before_tool},
    {"BeforeTool", HookKind::before_tool},           // Gemini CLI
    {"tool.execute.before", HookKind::before_tool},  // opencode, by our plugin
    {"tool.execute.after", HookKind::after_tool},
    {"PostToolUse", HookKind::after_tool},
    {"AfterTool", HookKind::after_tool},
    {"PostToolUseFailure", HookKind::after_failure},
    {"UserPromptSubmit", HookKind::prompt},
    {"BeforeAgent", HookKind::prompt},
    {"SessionStart", HookKind::session_start},
    {"SessionEnd", HookKind::session_end},
    {"SubagentStart", HookKind::subagent},
    {"SubagentStop", HookKind::subagent},
    {"ConfigChange", HookKind::settings_changed},
};

HookKind kind_of(std::string_view event) {
  const auto* found = std::ranges::find(kEvents, event, &EventName::name);
  return found == std::end(kEvents) ? HookKind::other : found->kind;
}

// The words of other clients in Claude Code's, which the policy is written in.
struct ToolName {
  AgentKind agent;
  std::string_view theirs;
  std::string_view ours;
};
constexpr ToolName kTools[] = {
    {AgentKind::codex, "shell", "Bash"},
    {AgentKind::codex, "exec_command", "Bash"},
    {AgentKind::codex, "local_shell", "Bash"},
    {AgentKind::codex, "write_stdin", "Bash"},
    {AgentKind::codex, "apply_patch", "Edit"},
    {AgentKind::codex, "web_search", "WebSearch"},
    {AgentKind::codex, "view_image", "Read"},
    {AgentKind::gemini, "run_shell_command", "Bash"},
    {AgentKind::gemini, "write_file", "Write"},
    {AgentKind::gemini, "replace", "Edit"},
    {AgentKind::gemini, "read_file", "Read"},
    {AgentKind::gemini, "read_many_files", "Read"},
    {AgentKind::gemini, "list_directory", "LS"},
    {AgentKind::gemini, "glob", "Glob"},
    {AgentKind::gemini, "search_file_content", "Grep"},
    {AgentKind::gemini, "grep_search", "Grep"},
    {AgentKind::gemini, "web_fetch", "WebFetch"},
    {AgentKind::gemini, "google_web_search", "WebSearch"},
    {AgentKind::gemini, "save_memory", "Write"},
    {AgentKind::opencode, "bash", "Bash"},
    {AgentKind::opencode, "write", "Write"},
    {AgentKind::opencode, "edit", "Edit"},
    {AgentKind::opencode, "patch", "Edit"},
    {AgentKind::opencode, "multiedit", "MultiEdit"},
    {AgentKind::opencode, "read", "Read"},
    {AgentKind::opencode, "list", "LS"},
    {AgentKind::opencode, "glob", "Glob"},
    {AgentKind::opencode, "grep", "Grep"},
    {AgentKind::opencode, "webfetch", "WebFetch"},
    {AgentKind::opencode, "task", "Agent"},
};

std::string tool_name(AgentKind agent, std::string_view theirs) {
  for (const ToolName& tool : kTools) {
    if (tool.agent == agent && tool.theirs == theirs) return std::string(tool.ours);
  }
  return std::string(theirs);
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// "/a/./b//../c" is "/a/c". Links are not resolved: what they lead to is the sandbox's business.
std::string normal_path(std::string_view path, std::string_view cwd) {
  std::string whole = path.starts_with('/') ? std::string(path) : std::string(cwd);
  if (!path.starts_with('/')) whole.append("/").append(path);
  std::vector<std::string_view> parts;
  for (const std::string_view part : split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : parts) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

void add_path(ToolCall& call, std::string_view path, bool write) {
  if (path.empty() || path.size() > kLongestPath) return;
  const bool at_home = path.starts_with("~/");
  call.paths.push_back({at_home ? std::string(path) : normal_path(path, call.cwd), write});
}

// The files that a patch in Codex' form names (codex-rs/apply-patch: "*** Update File: src/a.c").
void add_patched_files(ToolCall& call, std::string_view patch) {
  constexpr std::array<std::string_view, 4> kHeads = {
      "*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "};
  for (std::string_view line : split(patch, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (const std::string_view head : kHeads) {
      if (line.starts_with(head)) add_path(call, line.substr(head.size()), true);
    }
  }
}

void add_strings(const Json* value, const auto& take) {
  if (value == nullptr) return;
  if (value->is_string()) take(value->get_ref<const std::string&>());
  if (!value->is_array()) return;
  for (const Json& one : *value) {
    if (one.is_string()) take(one.get_ref<const std::string&>());
  }
}

// A command line, or the argument vector of one: joined by blanks it reads nearly as the shell
// would read it, and what is quoted differently is not understood and so not allowed.
std::string command_of(const Json& input) {
  for (const std::string_view key : {"command", "cmd", "script", "chars"}) {
    const Json* value = member(input, key);
    if (value == nullptr) continue;
    if (value->is_string()) return value->get<std::string>();
    std::string joined;
    const bool wrapped = value->is_array() && value->size() == 3 && (*value)[1].is_string() &&
                         is_one_of((*value)[1].get_ref<const std::string&>(), {"-lc", "-c"});
    if (wrapped && (*value)[2].is_string()) return (*value)[2].get<std::string>();
    add_strings(value,
                [&](const std::string& word) { joined += (joined.empty() ? "" : " ") + word; });
    if (!joined.empty()) return joined;
  }
  return "";
}

void read_input(const Json& input, ToolCall& call) {
  const std::string& tool = call.tool;
  const bool writes =
      is_one_of(tool, {"Write", "Edit", "MultiEdit", "NotebookEdit", "apply_patch"});
  call.runs_shell = is_one_of(tool, {"Bash", "Monitor", "PowerShell", "BashOutput"});
  if (call.runs_shell) call.command = command_of(input);
  for (const std::string_view key :
       {"file_path", "notebook_path", "path", "absolute_path", "filePath", "dir_path"}) {
    const std::string_view path = text_member(input, key);
    if (!path.empty()) add_path(call, path, writes);
  }
  for (const std::string_view key : {"paths", "file_paths"}) {
    add_strings(member(input, key), [&](const std::string& path) { add_path(call, path, writes); });
  }
  for (const std::string_view key : {"command", "input", "patch", "patchText"}) {
    if (tool == "Edit" || tool == "apply_patch") add_patched_files(call, text_member(input, key));
  }
  for (const std::string_view key : {"subagent_type", "skill"}) {
    const std::string_view kind = text_member(input, key);
    if (!kind.empty()) call.kind = kind;
  }
  for (const std::string_view key : {"url", "uri"}) {
    const std::string_view url = text_member(input, key);
    if (!url.empty()) call.urls.emplace_back(url);
  }
  const Json* socket = member(input, "ws");  // Monitor's
  const std::string_view url = socket == nullptr ? "" : text_member(*socket, "url");
  if (!url.empty()) call.urls.emplace_back(url);
}

Result<void> read_call(const Json& hook, HookInput& out) {
  const std::string_view name = text_member(hook, "tool_name");
  if (name.empty() || name.size() > 512) {
    return failure(Errc::denied, "a hook on a tool that names none");
  }
  out.call.tool = tool_name(out.agent, name);
  const Json* input = member(hook, "tool_input");
  if (input != nullptr && !input->is_object()) {
    return failure(Errc::denied, "a tool's input that is no object");
  }
  // Which of two the client runs is its choice.
  constexpr std::string_view kCommands[] = {"command", "cmd", "script", "chars"};
  const auto named = std::ranges::count_if(kCommands, [&](std::string_view key) {
    return input != nullptr && member(*input, key) != nullptr;
  });
  if (named > 1) return failure(Errc::denied, "a tool's input with more than one command");
  const Json nothing = Json::object();
  read_input(input == nullptr ? nothing : *input, out.call);
  out.input = BERM_TRY(to_json_text(input == nullptr ? nothing : *input));
  return {};
}

// Between characters: half of one would make the answer that repeats it no JSON any more.
std::string word(const Json& hook, std::string_view key, std::size_t most = 256) {
  const std::string_view text = text_member(hook, key);
  std::size_t end = std::min(most, text.size());
  const auto continues = [&] { return (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U; };
  while (end > 0 && end < text.size() && continues()) --end;
  return std::string(text.substr(0, end));
}

std::string first_word(const Json& hook, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    std::string text = word(hook, key);
    if (!text.empty()) return text;
  }
  return "";
}

}  // namespace

std::string_view name_of(HookKind kind) {
  constexpr std::string_view kNames[] = {"before-tool", "after-tool",       "after-failure",
                                         "prompt",      "session-start",    "session-end",
                                         "subagent",    "settings-changed", "other"};
  return kNames[static_cast<std::size_t>(kind)];
}

Result<HookInput> read_hook(AgentKind agent, std::string_view text, const std::string& workspace) {
  const Json hook = BERM_TRY(parse_strict_json(text, kBounds));
  if (!hook.is_object()) return failure(Errc::denied, "a hook's input that is no JSON object");
  HookInput out{.agent = agent};
  out.event = word(hook, "hook_event_name");
  if (out.event.empty()) return failure(Errc::denied, "a hook's input without hook_event_name");
  out.kind = kind_of(out.event);
  out.session = word(hook, "session_id");
  out.prompt_id = first_word(hook, {"prompt_id", "turn_id"});
  out.tool_use_id = first_word(hook, {"tool_use_id", "call_id"});
  out.agent_id = word(hook, "agent_id");
  out.agent_type = word(hook, "agent_type");
  out.permission_mode = word(hook, "permission_mode");
  out.client_version = word(hook, "client_version");
  out.prompt = std::string(text_member(hook, "prompt"));
  out.about = first_word(hook, {"source", "reason", "file_path", "name"});
  out.error = word(hook, "error", 1024);
  const Json* took = member(hook, "duration_ms");
  if (took != nullptr && took->is_number_unsigned()) out.duration_ms = took->get<std::uint64_t>();
  const std::string_view cwd = text_member(hook, "cwd");
  out.call.cwd = cwd.starts_with('/') ? normal_path(cwd, "/") : workspace;
  const bool tool = out.kind == HookKind::before_tool || out.kind == HookKind::after_tool ||
                    out.kind == HookKind::after_failure || member(hook, "tool_name") != nullptr;
  if (tool) BERM_TRY(read_call(hook, out));
  return out;
}

}  // namespace berm

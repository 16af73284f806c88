#include "lint/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace berm::lint {
namespace {

void add(std::vector<Said>& to, std::string what, const Node* node) {
  if (node != nullptr) to.push_back({.text = std::move(what), .span = follow(node)->span});
}

// Variables that make another program out of a harmless one (escapes of the clients' own shells).
bool runs_code(std::string_view name) {
  static constexpr std::array<std::string_view, 18> kNames = {"BASH_ENV",
                                                              "ENV",
                                                              "NODE_OPTIONS",
                                                              "LD_PRELOAD",
                                                              "LD_LIBRARY_PATH",
                                                              "PATH",
                                                              "PYTHONSTARTUP",
                                                              "PYTHONPATH",
                                                              "PERL5OPT",
                                                              "RUBYOPT",
                                                              "GIT_SSH",
                                                              "GIT_SSH_COMMAND",
                                                              "GIT_EXTERNAL_DIFF",
                                                              "GIT_ASKPASS",
                                                              "EDITOR",
                                                              "PROMPT_COMMAND",
                                                              "SHELL",
                                                              "CLAUDE_CODE_SHELL_PREFIX"};
  return std::ranges::find(kNames, name) != kNames.end();
}

bool leads_away(std::string_view name) {
  return name.ends_with("_BASE_URL") || name == "HTTPS_PROXY" || name == "HTTP_PROXY" ||
         name == "ALL_PROXY" || name == "NODE_EXTRA_CA_CERTS" ||
         name == "NODE_TLS_REJECT_UNAUTHORIZED" || name == "SSL_CERT_FILE";
}

void read_env(const Node* env, Settings& out) {
  for (const Entry& entry : entries_of(env)) {
    const std::string& name = text_of(entry.key);
    out.variables.push_back({entry.key, entry.value});
    if (runs_code(name)) add(out.code, "the variable " + name, entry.value);
    if (leads_away(name)) add(out.endpoints, name, entry.value);
  }
}

void read_servers(const Node* servers, Settings& out) {
  for (const Entry& entry : entries_of(servers)) {
    ToolServer server{.name = text_of(entry.key), .command = {}};
    const Node* command = get(entry.value, "command");
    for (const Node* list : {command, get(entry.value, "args")}) {
      for (const Node* word : words_of(list)) {
        server.command.push_back({text_of(word), follow(word)->span});
      }
    }
    if (command == nullptr) server.command.clear();
    for (const char* key : {"env", "environment"}) {
      for (const Entry& variable : entries_of(get(entry.value, key)))
        out.variables.push_back({variable.key, variable.value});
    }
    out.servers.push_back(std::move(server));
  }
}

void read_hooks(const Node* hooks, Settings& out) {
  for (const Entry& event : entries_of(hooks)) {
    for (const Node* group : items_of(event.value)) {
      for (const Node* hook : items_of(get(group, "hooks"))) {
        const Node* command = get(hook, "command");
        if (is_scalar(command)) add(out.hooks, "a hook of " + text_of(event.key), command);
      }
      const Node* own = get(group, "command");
      if (is_scalar(own)) add(out.hooks, "a hook of " + text_of(event.key), own);
    }
  }
}

void read_claude(const Node* root, Settings& out) {
  read_hooks(get(root, "hooks"), out);
  for (const char* key : {"apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh",
                          "otelHeadersHelper"}) {
    add(out.code, key, get(root, key));
  }
  for (const char* key : {"statusLine", "fileSuggestion"}) {
    add(out.code, key, get(root, {key, "command"}));
  }
  read_env(get(root, "env"), out);
  const Node* mode = get(root, {"permissions", "defaultMode"});
  if (text_of(mode) == "bypassPermissions") add(out.modes, "defaultMode: bypassPermissions", mode);
  for (const char* key : {"skipDangerousModePermissionPrompt", "bypassPermissionsModeAccepted"}) {
    if (is_true(get(root, key))) add(out.modes, key, get(root, key));
  }
  if (is_true(get(root, "disableAllHooks")))
    add(out.sandbox, "hooks are off", get(root, "disableAllHooks"));
  if (is_false(get(root, {"sandbox", "enabled"})))
    add(out.sandbox, "the sandbox is off", get(root, {"sandbox", "enabled"}));
  for (const char* key : {"allowUnsandboxedCommands", "enableWeakerNestedSandbox"}) {
    if (is_true(get(root, {"sandbox", key}))) add(out.sandbox, key, get(root, {"sandbox", key}));
  }
  for (const Node* host : words_of(get(root, {"sandbox", "network", "allowedDomains"}))) {
    if (text_of(host) == "*") add(out.sandbox, "every host may be reached", host);
  }
  if (is_true(get(root, "enableAllProjectMcpServers")))
    add(out.all_servers, "enableAllProjectMcpServers", get(root, "enableAllProjectMcpServers"));
  read_servers(get(root, "mcpServers"), out);
  add_tools(*out.file, get(root, {"permissions", "allow"}), out.tools);
}

void read_codex(const Node* root, Settings& out) {
  add(out.code, "notify", get(root, "notify"));
  read_hooks(get(root, "hooks"), out);
  for (const Entry& provider : entries_of(get(root, "model_providers"))) {
    add(out.endpoints, "base_url of " + text_of(provider.key), get(provider.value, "base_url"));
  }
  for (const char* key : {"openai_base_url", "chatgpt_base_url"}) {
    add(out.endpoints, key, get(root, key));
  }
  std::vector<const Node*> places = {root};
  for (const Entry& profile : entries_of(get(root, "profiles"))) places.push_back(profile.value);
  for (const Node* place : places) {
    const Node* mode = get(place, "sandbox_mode");
    if (text_of(mode) == "danger-full-access")
      add(out.modes, "sandbox_mode: danger-full-access", mode);
    const Node* approval = get(place, "approval_policy");
    const bool asks_nobody = text_of(approval) == "never";
    if (asks_nobody && text_of(mode) != "read-only")
      add(out.modes, "approval_policy: never", approval);
  }
  const Node* network = get(root, {"sandbox_workspace_write", "network_access"});
  if (is_true(network)) add(out.sandbox, "the sandbox has the network", network);
  read_servers(get(root, "mcp_servers"), out);
}

void read_gemini(const Node* root, Settings& out) {
  read_hooks(get(root, "hooks"), out);
  for (const char* key : {"toolDiscoveryCommand", "toolCallCommand"})
    add(out.code, key, get(root, key));
  for (const char* key : {"discoveryCommand", "callCommand"}) {
    add(out.code, key, get(root, {"tools", key}));
  }
  for (const Node* one : {get(root, "autoAccept"), get(root, {"tools", "autoAccept"})}) {
    if (is_true(one)) add(out.modes, "autoAccept", one);
  }
  const Node* mode = get(root, {"general", "defaultApprovalMode"});
  if (text_of(mode) == "yolo") add(out.modes, "defaultApprovalMode: yolo", mode);
  for (const Node* one : {get(root, "sandbox"), get(root, {"tools", "sandbox"})}) {
    if (is_false(one)) add(out.sandbox, "the sandbox is off", one);
  }
  const Node* trust = get(root, {"security", "folderTrust", "enabled"});
  if (is_false(trust)) add(out.sandbox, "every folder is trusted", trust);
  read_servers(get(root, "mcpServers"), out);
  for (const Node* list : {get(root, "allowedTools"), get(root, {"tools", "allowed"})}) {
    add_tools(*out.file, list, out.tools);
  }
}

void read_opencode(const Node* root, Settings& out) {
  for (const Node* plugin : words_of(get(root, "plugin"))) add(out.code, "a plug-in", plugin);
  for (const Entry& provider : entries_of(get(root, "provider"))) {
    add(out.endpoints, "baseURL of " + text_of(provider.key),
        get(provider.value, {"options", "baseURL"}));
  }
  const Node* permission = get(root, "permission");
  if (text_of(permission) == "allow") add(out.modes, "permission: allow", permission);
  const Node* bash = get(permission, "bash");
  if (text_of(bash) == "allow") add(out.modes, "bash: allow", bash);
  const Node* any = get(bash, "*");
  if (text_of(any) == "allow") add(out.modes, "bash: allow", any);
  read_servers(get(root, "mcp"), out);
}

bool has(std::string_view line, std::initializer_list<std::string_view> any) {
  return std::any_of(any.begin(), any.end(),
                     [&](std::string_view one) { return line.find(one) != line.npos; });
}

// "Never use --x", "x is not allowed": a line that forbids what it names.
bool forbids(std::string_view line) {
  return has(line,
             {"never",   "don't",      "do not",         "must not",   "not ",     "n't ",
              "avoid",   "forbid",     "refuse",         "instead of", "prohibit", "disallow",
              "warning", "dangerous:", "without asking", "unless",     "reject",   "block",
              "detect",  "attack",     "malicious",      "e.g.",       "example",  "should never"});
}

// What an honest instruction has no use for; nullptr: nothing.
const char* order_of(std::string_view line) {
  if (has(line, {"ignore previous instructions", "ignore all previous", "ignore all prior",
                 "ignore your previous", "disregard previous", "disregard all previous",
                 "disregard your instructions", "forget your previous instructions"}))
    return "it puts other instructions aside";
  const bool quiet = has(line, {"do not tell the user", "don't tell the user",
                                "do not inform the user", "without telling the user",
                                "do not mention this to the user", "without informing the user",
                                "hide this from the user", "keep this secret from the user"});
  if (quiet) return "it tells the agent to hide what it does";
  if (forbids(line)) return nullptr;
  if (has(line, {"--dangerously-skip-permissions", "--dangerously-bypass-approvals",
                 "danger-full-access", "bypasspermissions"}) &&
      has(line, {"use ", "run ", "always", "pass ", "start ", "launch "}))
    return "it tells the agent to work without questions or sandbox";
  if (has(line, {"disable the hooks", "disable all hooks", "disable hooks", "turn off the sandbox",
                 "disable the sandbox", "skip permission checks", "skip the permission checks",
                 "bypass the permission", "disable the guard"}))
    return "it tells the agent to put its guards aside";
  const bool secret = has(line, {"api key", "api_key", "secrets", "credentials", "access token",
                                 "environment variables", ".env", "ssh key", "id_rsa"});
  const bool sends = has(line, {"send ", "post ", "upload ", "exfiltrate", "forward "});
  if (secret && sends && has(line, {"http://", "https://", "webhook", "curl "}))
    return "it tells the agent to send secrets away";
  return nullptr;
}

}  // namespace

Settings read_settings(const Source& file, const Node* document, SettingsClient client) {
  Settings out{.file = &file, .root = follow(document), .client = client, .tools = {}};
  out.tools.file = &file;
  out.tools.name = "settings";
  switch (client) {
    case SettingsClient::claude:
      read_claude(document, out);
      break;
    case SettingsClient::codex:
      read_codex(document, out);
      break;
    case SettingsClient::gemini:
      read_gemini(document, out);
      break;
    case SettingsClient::opencode:
      read_opencode(document, out);
      break;
    case SettingsClient::mcp:
      read_servers(get(document, "mcpServers"), out);
      read_servers(get(document, "servers"), out);
  }
  return out;
}

std::vector<Suspicion> hidden_in(std::string_view text) {
  std::vector<Suspicion> out;
  char32_t before = 0;
  bool flag = false;
  std::size_t line_of_last = text.npos;
  for (std::size_t at = 0; at < text.size();) {
    char32_t point = 0;
    const std::size_t size = std::max<std::size_t>(decode_utf8(text, at, point), 1);
    // A flag of a region is a black flag and tags; joiners belong to emoji and to scripts that
    // write letters together.
    flag = point == 0x1F3F4 || (flag && point >= 0xE0000 && point <= 0xE007F);
    const bool joiner = (point == 0x200C || point == 0x200D) && before >= 0x600;
    const bool marks = point == 0x200E || point == 0x200F || point == 0x061C;
    const bool written_so = joiner || (flag && point != 0x1F3F4) || (marks && before >= 0x590) ||
                            (point == 0xFEFF && at == 0) || point == 0x00AD || point == 0x115F ||
                            point == 0x1160;
    if (is_hidden_character(point) && !written_so) {
      const std::size_t line = text.rfind('\n', at) + 1;
      if (line != line_of_last)
        out.push_back({{at, at + size},
                       fmt::format("U+{:04X} is there, and nobody sees it",
                                   static_cast<std::uint32_t>(point))});
      line_of_last = line;
    }
    before = point;
    at += size;
  }
  return out;
}

std::vector<Suspicion> orders_in(std::string_view text) {
  std::vector<Suspicion> out;
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    const std::string low = lower(text.substr(line, end - line));
    if (const char* what = order_of(low)) {
      const std::size_t begin = line + std::min(low.find_first_not_of(" \t"), low.size());
      out.push_back({{begin, end}, what});
    }
    line = end + 1;
  }
  return out;
}

}  // namespace berm::lint

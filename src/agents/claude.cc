#include "agents/claude.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "agents/claude_mcp.h"
#include "agents/client.h"
#include "base/text.h"
#include "policy/credential_presets.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr ClientProgram kClaude = {"claude", "Claude Code", "@anthropic-ai/claude-code@2.1.330"};
constexpr std::uint16_t kTelemetryPort = 4318;
/// The first client whose hooks can be told to block when they fail ("onFailure").
constexpr std::string_view kFirstThatHolds = "2.1.310";
constexpr std::string_view kDefaultUpstream = "https://api.anthropic.com";

/// Shaped like a key so that the client accepts it; worth nothing anywhere.
constexpr std::string_view kPlaceholder = "sk-ant-api03-berm-placeholder-not-a-key";

}  // namespace

PolicyLayer claude_profile() {
  PolicyLayer layer;
  layer.profile = AgentKind::claude;
  CredentialGrant& grant = layer.credentials["anthropic"];
  grant.from = "env:ANTHROPIC_API_KEY";
  grant.placeholder = kPlaceholder;
  (void)apply_preset("anthropic", {}, grant);
  return layer;
}

namespace {

using nlohmann::json;

// Every event that only tells, and the one that decides. Not WorktreeCreate, whose hook would have
// to make the worktree, and not MessageDisplay and FileChanged, which come by the hundred.
constexpr const char* kEvents[] = {"SessionStart",
                                   "SessionEnd",
                                   "UserPromptSubmit",
                                   "PreToolUse",
                                   "PostToolUse",
                                   "PostToolUseFailure",
                                   "PermissionRequest",
                                   "PermissionDenied",
                                   "SubagentStart",
                                   "SubagentStop",
                                   "Stop",
                                   "StopFailure",
                                   "ConfigChange",
                                   "InstructionsLoaded",
                                   "CwdChanged",
                                   "PreCompact",
                                   "PreModelSwitch",
                                   "TaskCreated",
                                   "Notification",
                                   "Elicitation"};

// The longest that somebody may think about a question; the hook itself gives up before.
constexpr int kAskSeconds = 920;
constexpr int kHookSeconds = 40;

json hooks_of(const ClaudeSettings& wanted) {
  const std::string client = wanted.berm + "/berm-init";
  json out = json::object();
  for (const char* event : kEvents) {
    json arguments = {"hook", "claude"};
    const bool decides = std::string_view(event) == "PreToolUse";
    if (decides && wanted.can_ask) arguments.push_back("--ask");
    if (!decides) arguments.push_back("--tell");
    // "args" starts the program itself: no shell, no PATH, no prefix in between.
    json hook = {{"type", "command"},
                 {"command", client},
                 {"args", std::move(arguments)},
                 {"timeout", decides && wanted.can_ask ? kAskSeconds : kHookSeconds},
                 {"onFailure", "block"}};
    out[event] = json::array({{{"matcher", "*"}, {"hooks", json::array({std::move(hook)})}}});
  }
  return out;
}

}  // namespace

std::string claude_managed_settings(const ClaudeSettings& wanted) {
  json settings = {
      {"hooks", hooks_of(wanted)},
      {"requiredMinimumVersion", kFirstThatHolds},
      {"allowManagedHooksOnly", true},
      {"allowManagedMcpServersOnly", wanted.managed},
      {"strictPluginOnlyCustomization", true},
      {"disableSideloadFlags", true},
      {"disableRemoteControl", true},
      {"disableClaudeAiConnectors", true},
      {"disableSkillShellExecution", true},
      {"disableArtifact", true},
      {"env",
       {{"ANTHROPIC_BASE_URL", fmt::format("http://127.0.0.1:{}", wanted.model_port)},
        {"ANTHROPIC_API_KEY", kPlaceholder},
        {"BASH_ENV", ""},
        {"CLAUDE_CODE_ENABLE_TELEMETRY", "1"},
        {"OTEL_LOGS_EXPORTER", "otlp"},
        {"OTEL_METRICS_EXPORTER", "none"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", fmt::format("http://127.0.0.1:{}", wanted.telemetry_port)},
        {"OTEL_LOGS_EXPORT_INTERVAL", "1000"},
        {"CLAUDE_CODE_SHELL_PREFIX", ""},
        {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}}},
      {"permissions",
       {{"deny", {"WebFetch", "WebSearch", "Artifact", "SendMessage", "RemoteTrigger"}}}},
  };
  if (!wanted.bypass_permissions) {
    settings["permissions"]["disableBypassPermissionsMode"] = "disable";
  }
  return settings.dump(2) + "\n";
}

bool claude_hooks_hold(std::string_view version) {
  const auto parts = [](std::string_view text) {
    std::vector<unsigned> out;
    for (const std::string_view part : split(text, '.')) {
      unsigned number = 0;
      if (std::from_chars(part.data(), part.data() + part.size(), number).ec != std::errc{}) break;
      out.push_back(number);
    }
    return out;
  };
  return parts(version) >= parts(kFirstThatHolds);
}

namespace {

// The client's own prompts: with us or against us, but never by accident.
Result<void> decide_permissions(const AgentRequest& request, AgentFacts& facts) {
  const auto& arguments = request.arguments;
  const auto mode = std::ranges::find(arguments, "--permission-mode");
  const bool by_mode =
      (mode != arguments.end() && mode + 1 != arguments.end() &&
       *(mode + 1) == "bypassPermissions") ||
      std::ranges::find(arguments, "--permission-mode=bypassPermissions") != arguments.end();
  const bool asked = has_flag(arguments, "--dangerously-skip-permissions") || by_mode;
  if (asked && !request.tools.bypass_permissions) {
    return failure(Errc::denied,
                   "skip the client's prompts: the policy says tools.bypass_permissions = false",
                   "leave the flag out");
  }
  const bool print = has_flag(arguments, "-p") || has_flag(arguments, "--print");
  const bool chose = asked || has_flag(arguments, "--permission-mode");
  // Unattended, nobody answers a prompt, and prompts are no control: the sandbox is.
  const bool ours = print && !chose && request.tools.bypass_permissions;
  if (ours) facts.argv.insert(facts.argv.end(), {"--permission-mode", "bypassPermissions"});
  facts.skips_prompts = asked || ours;
  return {};
}

// Settings and flags alone do not hold a client that lets a tool run when its hook fails.
Result<void> decide_hooks(const AgentRequest& request, AgentFacts& facts) {
  const std::string& version = facts.version;
  facts.hooked = true;
  // A version that is not told is asked at run time: the client refuses our managed settings, or
  // its hooks are heard, or the run ends.
  facts.hooks_hold = version.empty() || claude_hooks_hold(version);
  if (facts.hooks_hold) return {};
  if (!request.tools.unhooked) {
    return failure(Errc::unsupported,
                   fmt::format("hold Claude Code {} to its hooks: before {} a tool runs when its "
                               "hook fails",
                               printable(version), kFirstThatHolds),
                   "npm install @anthropic-ai/claude-code@2.1.330, or accept it by "
                   "tools.unhooked = true");
  }
  facts.weaknesses.push_back(fmt::format(
      "Claude Code {} runs a tool when its hook fails (tools.unhooked)", printable(version)));
  return {};
}

// Managed settings lie at a place of the system's. Where that is the host's own (process tier), the
// client is told of them by flags: its user's settings, which it could change, then stand above
// what only managed ones can forbid; that it goes on asking is watched from outside.
void add_settings(const AgentRequest& request, const std::string& servers, AgentFacts& facts) {
  const bool managed = request.tier != TierChoice::process;
  const std::string directory = managed ? "/etc/claude-code" : request.places.berm;
  const auto add = [&](std::string_view name, std::string content) {
    facts.files.push_back({.at = *SandboxPath::parse(fmt::format("{}/{}", directory, name)),
                           .content = std::move(content),
                           .mode = 0444});
  };
  add("managed-settings.json",
      claude_managed_settings({.model_port = kModelPort,
                               .telemetry_port = kTelemetryPort,
                               .bypass_permissions = request.tools.bypass_permissions,
                               .can_ask = request.can_ask,
                               .berm = request.places.berm,
                               .managed = managed}));
  if (!servers.empty()) add("managed-mcp.json", servers);
  if (managed) return;
  facts.weaknesses.emplace_back(
      "process tier: Claude Code's settings are flags, not managed ones: what only those forbid "
      "(hooks and servers of its user) is watched, not refused");
}

// Before what the user gave: "--" may follow.
void add_settings_flags(const AgentRequest& request, bool servers, AgentFacts& facts) {
  if (request.tier != TierChoice::process) return;
  const std::string& directory = request.places.berm;
  facts.argv.insert(facts.argv.end(), {"--settings", directory + "/managed-settings.json"});
  if (!servers) return;
  facts.argv.insert(facts.argv.end(), {"--mcp-config", directory + "/managed-mcp.json"});
}

}  // namespace

Result<AgentFacts> prepare_claude(const AgentRequest& request) {
  AgentFacts facts = BERM_TRY(start_client(request, kClaude));
  facts.kind = AgentKind::claude;
  std::vector<std::string> arguments = request.arguments;
  const std::string servers = BERM_TRY(take_mcp_servers(request.directory, arguments));
  // What neutralises a hostile repository: managed settings + no project settings + no project MCP.
  for (const char* flag : {"--setting-sources", "user"}) facts.argv.emplace_back(flag);
  // Managed servers exclude all others; the client does not take the flag beside them.
  const bool managed = request.tier != TierChoice::process;
  if (servers.empty() || !managed) facts.argv.emplace_back("--strict-mcp-config");
  add_settings_flags(request, !servers.empty(), facts);
  BERM_TRY(decide_permissions(request, facts));
  BERM_TRY(decide_hooks(request, facts));
  facts.telemetry_port = kTelemetryPort;
  facts.argv.insert(facts.argv.end(), arguments.begin(), arguments.end());

  facts.model = ModelProxy{.port = kModelPort,
                           .upstream = upstream_or("ANTHROPIC_BASE_URL", kDefaultUpstream),
                           .credential = "anthropic"};
  facts.env.insert({{"ANTHROPIC_BASE_URL", model_url()},
                    {"ANTHROPIC_API_KEY", std::string(kPlaceholder)},
                    {"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"},
                    {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"},
                    {"DISABLE_AUTOUPDATER", "1"},
                    {"DISABLE_TELEMETRY", "1"},
                    {"DISABLE_ERROR_REPORTING", "1"},
                    {"CLAUDE_CODE_TMPDIR", request.places.scratch},
                    {"IS_SANDBOX", "1"}});
  add_settings(request, servers, facts);
  return facts;
}

}  // namespace berm

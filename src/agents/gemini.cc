#include "agents/gemini.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agents/client.h"
#include "policy/credential_presets.h"

namespace berm {
namespace {

constexpr ClientProgram kGemini = {"gemini", "Gemini CLI", "@google/gemini-cli@0.61.0"};
// The client skips system settings that do not belong to uid 0, which does not exist inside. These
// are the user's, and nothing stands above them: the workspace's are hidden.
constexpr std::string_view kSettings = "/home/agent/.gemini/settings.json";
constexpr std::string_view kDefaultUpstream = "https://generativelanguage.googleapis.com";
constexpr int kHookMilliseconds = 30'000;

/// Shaped like a key; worth nothing anywhere.
constexpr std::string_view kPlaceholder = "AIza-berm-placeholder-not-a-key";

constexpr std::string_view kEvents[] = {
    "BeforeTool",   "AfterTool",  "BeforeAgent", "AfterAgent",   "BeforeModel",        "AfterModel",
    "SessionStart", "SessionEnd", "PreCompress", "Notification", "BeforeToolSelection"};

constexpr std::string_view kSubcommands[] = {"mcp",   "extensions", "extension", "skills",
                                             "skill", "hooks",      "hook",      "gemma"};

}  // namespace

PolicyLayer gemini_profile() {
  PolicyLayer layer;
  layer.profile = AgentKind::gemini;
  CredentialGrant& grant = layer.credentials["gemini"];
  grant.from = "env:GEMINI_API_KEY";
  grant.placeholder = kPlaceholder;
  (void)apply_preset("gemini", {}, grant);
  // Without a person to ask, the client runs a trusted workspace or none; a trusted one's settings
  // name programs that it starts (hooks, tools.discoveryCommand, MCP servers, extensions).
  layer.workspace.hide = std::vector{*Glob::parse(".gemini")};
  return layer;
}

std::string gemini_settings() {
  using nlohmann::json;
  json hooks = json::object();
  for (const std::string_view event : kEvents) {
    const json handler = {{"type", "command"},
                          {"name", "berm"},
                          {"command", fmt::format("{} gemini", kHookClient)},
                          {"timeout", kHookMilliseconds}};
    hooks[std::string(event)] =
        json::array({{{"matcher", "*"}, {"hooks", json::array({handler})}}});
  }
  const json settings = {
      {"general", {{"enableAutoUpdate", false}, {"enableAutoUpdateNotification", false}}},
      {"privacy", {{"usageStatisticsEnabled", false}}},
      {"telemetry", {{"enabled", false}}},
      {"security",
       {{"folderTrust", {{"enabled", false}}},
        {"auth", {{"selectedType", "gemini-api-key"}, {"enforcedType", "gemini-api-key"}}},
        {"blockGitExtensions", true}}},
      {"admin", {{"mcp", {{"enabled", false}}}, {"extensions", {{"enabled", false}}}}},
      {"tools", {{"sandbox", false}, {"exclude", {"google_web_search", "web_fetch"}}}},
      {"hooksConfig", {{"enabled", true}, {"disabled", json::array()}, {"notifications", false}}},
      {"hooks", hooks},
  };
  return settings.dump(2) + "\n";
}

std::vector<std::string> gemini_arguments(const std::vector<std::string>& given, bool interactive) {
  const auto has = [&](std::string_view flag) { return has_flag(given, flag); };
  const bool own =
      has("--help") || has("-h") || has("--version") || has("-v") ||
      (!given.empty() && std::ranges::find(kSubcommands, given.front()) != std::end(kSubcommands));
  if (own) return given;
  std::vector<std::string> out;
  // Unattended, nobody answers a prompt, and prompts are no control: the sandbox is.
  const bool chose = has("--approval-mode") || has("--yolo") || has("-y");
  const bool headless = !interactive || has("-p") || has("--prompt");
  if (headless && !chose) out = {"--approval-mode", "yolo"};
  const bool bare = given.size() == 1 && !given.front().starts_with('-');
  if (bare && !interactive) out.emplace_back("--prompt");
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

Result<AgentFacts> prepare_gemini(const AgentRequest& request) {
  AgentFacts facts = BERM_TRY(start_client(request, kGemini));
  facts.kind = AgentKind::gemini;
  const std::vector<std::string> arguments =
      gemini_arguments(request.arguments, request.interactive);
  facts.argv.insert(facts.argv.end(), arguments.begin(), arguments.end());
  facts.model = ModelProxy{.port = kModelPort,
                           .upstream = upstream_or("GOOGLE_GEMINI_BASE_URL", kDefaultUpstream),
                           .credential = "gemini"};
  // Set, not only absent: the client reads .env of the workspace, but overrides no variable.
  facts.env.insert({{"GEMINI_API_KEY", std::string(kPlaceholder)},
                    {"GOOGLE_GEMINI_BASE_URL", model_url()},
                    {"GEMINI_CLI_SYSTEM_SETTINGS_PATH", "/etc/gemini-cli/settings.json"},
                    {"GEMINI_CLI_SYSTEM_DEFAULTS_PATH", "/etc/gemini-cli/system-defaults.json"},
                    {"GEMINI_CLI_HOME", "/home/agent"},
                    {"GEMINI_SANDBOX", "false"},
                    {"GEMINI_TELEMETRY_ENABLED", "false"},
                    {"GEMINI_CLI_NO_RELAUNCH", "true"}});
  facts.files.push_back(
      {.at = *SandboxPath::parse(kSettings), .content = gemini_settings(), .mode = 0444});
  facts.hooked = facts.hooks_hold = true;
  facts.skips_prompts = true;
  facts.weaknesses.emplace_back(
      "Gemini CLI lets a tool run when its hook is killed or takes too long; calls that no hook "
      "asked about are told (hooks.missed), and the run goes on");
  return facts;
}

}  // namespace berm

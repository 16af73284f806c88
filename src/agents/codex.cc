#include "agents/codex.h"

#include <fmt/format.h>

#include <algorithm>

#include "agents/client.h"
#include "policy/credential_presets.h"

namespace berm {
namespace {

constexpr ClientProgram kCodex = {"codex", "Codex", "@openai/codex@0.169.0"};

/// The Responses API lies at {base_url}/responses.
constexpr std::string_view kDefaultUpstream = "https://api.openai.com";

/// Shaped like a key; worth nothing anywhere.
constexpr std::string_view kPlaceholder = "sk-proj-berm-placeholder-not-a-key";

struct Event {
  std::string_view name;
  int seconds;  ///< the client cuts the last two to three, and says so on every start
};
constexpr Event kEvents[] = {
    {"PreToolUse", 30},       {"PermissionRequest", 30},
    {"PostToolUse", 30},      {"PreCompact", 30},
    {"PostCompact", 30},      {"SessionStart", 30},
    {"UserPromptSubmit", 30}, {"SubagentStart", 30},
    {"SubagentStop", 30},     {"Stop", 30},
    {"SessionEnd", 3},        {"Interrupt", 3},
};

// `codex --help` of 0.169.0. What it does not list is a prompt.
constexpr std::string_view kSubcommands[] = {
    "agents",
    "exec",
    "e",
    "review",
    "login",
    "logout",
    "mcp",
    "plugin",
    "app-server",
    "remote-control",
    "completion",
    "update",
    "doctor",
    "sandbox",
    "debug",
    "apply",
    "a",
    "resume",
    "queue",
    "archive",
    "delete",
    "unarchive",
    "fork",
    "cloud",
    "exec-server",
    "features",
    "help",
    "mcp-server",
    "migrate-rollouts",
    "migrate-nfs-db",
};

bool names_a_subcommand(const std::string& word) {
  return std::ranges::find(kSubcommands, word) != std::end(kSubcommands);
}

// OPENAI_BASE_URL is given with the version ("https://host/v1"), which the client's requests to us
// have already.
std::string upstream() {
  std::string url = upstream_or("OPENAI_BASE_URL", kDefaultUpstream);
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v1")) url.resize(url.size() - 3);
  return url;
}

}  // namespace

PolicyLayer codex_profile() {
  PolicyLayer layer;
  layer.profile = AgentKind::codex;
  CredentialGrant& grant = layer.credentials["openai"];
  grant.from = "env:OPENAI_API_KEY";
  grant.placeholder = kPlaceholder;
  (void)apply_preset("openai", {}, grant);
  return layer;
}

std::string codex_requirements() {
  // "read-only" must be among the modes; the client refuses a list without it.
  std::string out =
      "allowed_approval_policies = [\"never\"]\n"
      "allowed_sandbox_modes = [\"read-only\", \"danger-full-access\"]\n"
      "allowed_web_search_modes = [\"disabled\"]\n"
      "allow_managed_hooks_only = true\n"
      "allow_remote_control = false\n"
      "allow_browser_and_computer_use = false\n"
      "allow_appshots = false\n"
      "\n[features]\n"
      "hooks = true\n"
      "\n[hooks]\n"
      "managed_dir = \"/run/berm\"\n";
  for (const Event& event : kEvents) {
    out += fmt::format(
        "\n[[hooks.{0}]]\nmatcher = \"*\"\n[[hooks.{0}.hooks]]\ntype = \"command\"\n"
        "command = \"{1} codex\"\ntimeout = {2}\n",
        event.name, kHookClient, event.seconds);
  }
  return out;
}

std::string codex_managed_config(std::string_view repository) {
  // Its own sandbox cannot nest (bwrap inside a Landlock domain), and ours holds the whole client.
  // A provider of our own: the built-in one tries a websocket first, which carries no key.
  return fmt::format(
      "model_provider = \"berm\"\n"
      "approval_policy = \"never\"\n"
      "sandbox_mode = \"danger-full-access\"\n"
      "web_search = \"disabled\"\n"
      "check_for_update_on_startup = false\n"
      "forced_login_method = \"api\"\n"
      "cli_auth_credentials_store = \"file\"\n"
      "\n[analytics]\nenabled = false\n"
      "\n[feedback]\nenabled = false\n"
      "\n[model_providers.berm]\n"
      "name = \"OpenAI through berm\"\n"
      "base_url = \"{}/v1\"\n"
      "env_key = \"OPENAI_API_KEY\"\n"
      "wire_api = \"responses\"\n"
      "supports_websockets = false\n"
      "\n[projects.{}]\ntrust_level = \"untrusted\"\n",
      model_url(), quoted(repository));
}

std::vector<std::string> codex_arguments(const std::vector<std::string>& given, bool interactive) {
  // A subcommand, wherever the flags before it end, or a question about the client itself.
  const bool own = has_flag(given, "--help") || has_flag(given, "-h") ||
                   has_flag(given, "--version") || has_flag(given, "-V") ||
                   std::ranges::any_of(given, names_a_subcommand);
  if (own || interactive) return given;
  std::vector<std::string> out = {"exec"};
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

Result<AgentFacts> prepare_codex(const AgentRequest& request) {
  AgentFacts facts = BERM_TRY(start_client(request, kCodex));
  facts.kind = AgentKind::codex;
  const std::vector<std::string> arguments =
      codex_arguments(request.arguments, request.interactive);
  facts.argv.insert(facts.argv.end(), arguments.begin(), arguments.end());
  facts.model = ModelProxy{.port = kModelPort, .upstream = upstream(), .credential = "openai"};
  // Not CODEX_HOME: the client makes ~/.codex itself, but refuses a named one that is not there.
  facts.env["OPENAI_API_KEY"] = kPlaceholder;
  const auto lay = [&](std::string_view at, std::string content) {
    facts.files.push_back(
        {.at = *SandboxPath::parse(at), .content = std::move(content), .mode = 0444});
  };
  lay("/etc/codex/requirements.toml", codex_requirements());
  lay("/etc/codex/managed_config.toml", codex_managed_config(request.repository));
  facts.hooked = facts.hooks_hold = true;
  facts.skips_prompts = true;
  facts.weaknesses.emplace_back(
      "Codex lets a tool run when its hook is killed or takes too long; calls that no hook asked "
      "about are told (hooks.missed), and the run goes on");
  return facts;
}

}  // namespace berm

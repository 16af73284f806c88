#include "agents/opencode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agents/client.h"
#include "policy/credential_presets.h"

namespace berm {
namespace {

constexpr ClientProgram kOpencode = {"opencode", "opencode", "opencode-ai@1.18.33"};
constexpr std::string_view kPluginPath = "/etc/opencode/berm.js";
constexpr std::string_view kUserConfig = "/etc/berm-opencode";  ///< XDG_CONFIG_HOME

struct Provider {
  std::string_view name;
  const char* key;
  const char* base_url;
  std::string_view upstream;
  std::string_view placeholder;
  std::string_view model;
};
constexpr Provider kProviders[] = {
    {"anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com",
     "sk-ant-api03-berm-placeholder-not-a-key", "claude-sonnet-4-5"},
    {"openai", "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com",
     "sk-proj-berm-placeholder-not-a-key", "gpt-5.5"},
};

bool is_set(const char* variable) {
  const char* value = ::getenv(variable);
  return value != nullptr && *value != '\0';
}

const Provider& chosen() {
  return !is_set(kProviders[0].key) && is_set(kProviders[1].key) ? kProviders[1] : kProviders[0];
}

const Provider& provider_named(std::string_view name) {
  return name == kProviders[1].name ? kProviders[1] : kProviders[0];
}

std::string upstream_of(const Provider& provider) {
  std::string url = upstream_or(provider.base_url, provider.upstream);
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v1")) url.resize(url.size() - 3);
  return url;
}

// `opencode --help` of 1.18.33. What it does not list is a prompt (the client itself would take it
// for a directory).
constexpr std::string_view kSubcommands[] = {
    "completion", "acp",     "mcp",       "attach",  "run",    "debug",  "auth",  "providers",
    "agent",      "upgrade", "uninstall", "serve",   "web",    "models", "stats", "export",
    "import",     "github",  "pr",        "session", "plugin", "plug",   "db"};

}  // namespace

PolicyLayer opencode_profile() {
  const Provider& provider = chosen();
  PolicyLayer layer;
  layer.profile = AgentKind::opencode;
  CredentialGrant& grant = layer.credentials[std::string(provider.name)];
  grant.from = fmt::format("env:{}", provider.key);
  grant.placeholder = provider.placeholder;
  (void)apply_preset(provider.name, {}, grant);
  // Its plugins are programs that run within the client. OPENCODE_DISABLE_PROJECT_CONFIG is not
  // enough: 1.18.33 starts those that the repository's opencode.json names all the same.
  layer.workspace.hide = std::vector{*Glob::parse(".opencode"), *Glob::parse("opencode.json"),
                                     *Glob::parse("opencode.jsonc")};
  return layer;
}

std::string opencode_managed_config(std::string_view provider) {
  using nlohmann::json;
  const Provider& of = provider_named(provider);
  const std::string model = fmt::format("{}/{}", of.name, of.model);
  const json config = {
      {"autoupdate", false},
      {"share", "disabled"},
      {"enabled_providers", {of.name}},
      {"model", model},
      {"small_model", model},
      {"provider",
       {{std::string(of.name),
         {{"options",
           {{"baseURL", model_url() + "/v1"}, {"apiKey", fmt::format("{{env:{}}}", of.key)}}}}}}},
      // Nobody is there to ask, and prompts are no control: the sandbox is.
      {"permission",
       {{"*", "allow"}, {"question", "deny"}, {"webfetch", "deny"}, {"websearch", "deny"}}},
      {"plugin", {fmt::format("file://{}", kPluginPath)}},
  };
  return config.dump(2) + "\n";
}

std::string opencode_plugin() {
  // What throws in "tool.execute.before" stops the tool: every doubt throws. The verdict is exit 0;
  // a "deny" beside it would be a hook client of another mind, and is believed.
  return R"js(// Laid here by berm: asks its hook client, and lets no tool run without a clear yes.
import { spawnSync } from "node:child_process";

const ask = (event) => {
  const done = spawnSync("/run/berm/berm-init", ["hook", "opencode"], {
    input: JSON.stringify(event), timeout: 30000, encoding: "utf8", maxBuffer: 1 << 20,
  });
  if (done.error) throw new Error("berm: the hook client did not run: " + done.error.message);
  if (done.status !== 0) throw new Error("berm: " + ((done.stderr || "").trim() || "refused"));
  const text = (done.stdout || "").trim();
  if (text === "") return;
  let verdict;
  try { verdict = JSON.parse(text); } catch { throw new Error("berm: the hook client's answer is no JSON"); }
  const decision = verdict.hookSpecificOutput?.permissionDecision ?? verdict.decision ?? "allow";
  if (decision === "allow" || decision === "approve") return verdict.hookSpecificOutput?.updatedInput;
  throw new Error("berm: " + (verdict.hookSpecificOutput?.permissionDecisionReason ?? verdict.reason ?? decision));
};

// Heard from the start: an answer without a tool must not look like a plugin that is not there.
const begin = (directory) => {
  try { ask({ hook_event_name: "SessionStart", cwd: directory }); } catch { /* each tool asks again */ }
};

export const Berm = async ({ directory }) => (begin(directory), {
  "tool.execute.before": async (input, output) => {
    const rewritten = ask({ hook_event_name: "tool.execute.before", session_id: input.sessionID, cwd: directory,
      tool_use_id: input.callID, tool_name: input.tool, tool_input: output.args });
    if (!rewritten) return;
    for (const key of Object.keys(output.args)) delete output.args[key];
    Object.assign(output.args, rewritten);
  },
  "tool.execute.after": async (input, output) => {
    ask({ hook_event_name: "tool.execute.after", session_id: input.sessionID, cwd: directory,
      tool_use_id: input.callID, tool_name: input.tool, tool_input: input.args,
      tool_response: typeof output?.output === "string" ? output.output.slice(0, 65536) : null });
  },
});
)js";
}

std::vector<std::string> opencode_arguments(const std::vector<std::string>& given,
                                            bool interactive) {
  const bool own = has_flag(given, "--help") || has_flag(given, "-h") ||
                   has_flag(given, "--version") || has_flag(given, "-v") ||
                   std::ranges::any_of(given, [](const std::string& word) {
                     return std::ranges::find(kSubcommands, word) != std::end(kSubcommands);
                   });
  if (own || interactive) return given;
  std::vector<std::string> out = {"run"};
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

Result<AgentFacts> prepare_opencode(const AgentRequest& request) {
  const Provider& provider = chosen();
  AgentFacts facts = BERM_TRY(start_client(request, kOpencode));
  facts.kind = AgentKind::opencode;
  const std::vector<std::string> arguments =
      opencode_arguments(request.arguments, request.interactive);
  facts.argv.insert(facts.argv.end(), arguments.begin(), arguments.end());
  facts.model = ModelProxy{.port = kModelPort,
                           .upstream = upstream_of(provider),
                           .credential = std::string(provider.name)};
  facts.env.insert(
      {{provider.key, std::string(provider.placeholder)},
       {"XDG_CONFIG_HOME", std::string(kUserConfig)},
       {"OPENCODE_DISABLE_PROJECT_CONFIG", "1"},
       {"OPENCODE_DISABLE_MODELS_FETCH", "1"},
       {"OPENCODE_DISABLE_AUTOUPDATE", "1"},
       {"OPENCODE_DISABLE_SHARE", "1"},
       {"OPENCODE_DISABLE_LSP_DOWNLOAD", "1"},
       {"OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"},
       // It asks npm's registry for the types of its plugins at every start, and waits.
       {"npm_config_fetch_retries", "0"}});
  const auto lay = [&](std::string_view at, std::string content) {
    facts.files.push_back(
        {.at = *SandboxPath::parse(at), .content = std::move(content), .mode = 0444});
  };
  lay("/etc/opencode/opencode.json", opencode_managed_config(provider.name));
  lay(kPluginPath, opencode_plugin());
  // Without this file it would write one, and end because it cannot.
  lay(fmt::format("{}/opencode/.gitignore", kUserConfig), "*\n");
  facts.hooked = facts.hooks_hold = true;
  facts.skips_prompts = true;
  return facts;
}

}  // namespace berm

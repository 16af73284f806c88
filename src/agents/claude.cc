#include "agents/claude.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "policy/credential_presets.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::uint16_t kModelPort = 8117;
constexpr std::string_view kDefaultUpstream = "https://api.anthropic.com";

/// Shaped like a key so that the client accepts it; worth nothing anywhere.
constexpr std::string_view kPlaceholder = "sk-ant-api03-berm-placeholder-not-a-key";

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : std::string();
}

// A program the user installed: a plain file outside the repository. What the repository supplies,
// or links to, is not the client.
bool is_client(const std::string& candidate, const std::string& repository) {
  struct stat status {};
  const std::string real = resolved(candidate);
  if (real.empty() || ::stat(real.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
      ::access(real.c_str(), X_OK) != 0) {
    return false;
  }
  const auto inside = [&](const std::string& path) {
    return path == repository || path.starts_with(repository + "/");
  };
  return !inside(candidate) && !inside(real);
}

// The client on PATH, else as npm installs it in a node_modules upwards from here.
std::string find_client(const AgentRequest& request) {
  for (const std::string_view directory : split(request.path, ':')) {
    const std::string candidate = fmt::format("{}/claude", directory);
    if (directory.starts_with('/') && is_client(candidate, request.repository)) {
      return resolved(candidate);
    }
  }
  for (std::string at = request.directory;; at = at.substr(0, at.rfind('/'))) {
    const std::string candidate = at + "/node_modules/.bin/claude";
    if (is_client(candidate, request.repository)) return resolved(candidate);
    if (at.empty()) return "";
  }
}

// npm's wrapper needs its package directory; a single native binary only itself.
std::string package_of(const std::string& program) {
  const std::size_t at = program.rfind("/node_modules/@anthropic-ai/");
  if (at == std::string::npos) return program;
  return program.substr(0, at) + "/node_modules/@anthropic-ai";
}

bool has_flag(const std::vector<std::string>& arguments, std::string_view flag) {
  return std::ranges::any_of(arguments, [&](const std::string& argument) {
    return argument == flag || argument.starts_with(std::string(flag) + "=");
  });
}

// The user's own upstream (a gateway), from berm's environment, never from the repository.
std::string upstream() {
  const char* url = ::getenv("ANTHROPIC_BASE_URL");
  return url != nullptr && *url != '\0' ? std::string(url) : std::string(kDefaultUpstream);
}

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

std::string claude_managed_settings(std::uint16_t model_port) {
  using nlohmann::json;
  const json settings = {
      {"allowManagedHooksOnly", true},
      {"allowManagedMcpServersOnly", true},
      {"strictPluginOnlyCustomization", true},
      {"disableSideloadFlags", true},
      {"disableRemoteControl", true},
      {"disableClaudeAiConnectors", true},
      {"disableSkillShellExecution", true},
      {"disableArtifact", true},
      {"env",
       {{"ANTHROPIC_BASE_URL", fmt::format("http://127.0.0.1:{}", model_port)},
        {"ANTHROPIC_API_KEY", kPlaceholder},
        {"BASH_ENV", ""},
        {"CLAUDE_CODE_SHELL_PREFIX", ""},
        {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}}},
      {"permissions",
       {{"deny", {"WebFetch", "WebSearch", "Artifact", "SendMessage", "RemoteTrigger"}}}},
  };
  return settings.dump(2) + "\n";
}

Result<AgentFacts> prepare_claude(const AgentRequest& request) {
  const std::string program = find_client(request);
  if (program.empty()) {
    return failure(
        Errc::usage,
        "Claude Code is not installed: no 'claude' on PATH or in node_modules/.bin above here",
        "npm install @anthropic-ai/claude-code@2.1.330");
  }
  AgentFacts facts{.kind = AgentKind::claude};
  facts.argv = {program};
  // What neutralises a hostile repository: managed settings + no project settings + no project MCP.
  for (const char* flag : {"--setting-sources", "user", "--strict-mcp-config"}) {
    facts.argv.emplace_back(flag);
  }
  const bool print = has_flag(request.arguments, "-p") || has_flag(request.arguments, "--print");
  const bool chose = has_flag(request.arguments, "--permission-mode") ||
                     has_flag(request.arguments, "--dangerously-skip-permissions");
  // Unattended, nobody answers a prompt, and prompts are no control: the sandbox is.
  if (print && !chose) {
    facts.argv.insert(facts.argv.end(), {"--permission-mode", "bypassPermissions"});
  }
  facts.argv.insert(facts.argv.end(), request.arguments.begin(), request.arguments.end());

  facts.model = ModelProxy{.port = kModelPort, .upstream = upstream(), .credential = "anthropic"};
  facts.env = {{"ANTHROPIC_BASE_URL", fmt::format("http://127.0.0.1:{}", kModelPort)},
               {"ANTHROPIC_API_KEY", std::string(kPlaceholder)},
               {"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"},
               {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"},
               {"DISABLE_AUTOUPDATER", "1"},
               {"DISABLE_TELEMETRY", "1"},
               {"DISABLE_ERROR_REPORTING", "1"},
               {"CLAUDE_CODE_TMPDIR", "/tmp"},
               {"NO_PROXY", "127.0.0.1,localhost,::1"},
               {"no_proxy", "127.0.0.1,localhost,::1"}};
  facts.files.push_back({.at = *SandboxPath::parse("/etc/claude-code/managed-settings.json"),
                         .content = claude_managed_settings(kModelPort),
                         .mode = 0444});
  const std::string package = package_of(program);
  if (!package.starts_with("/usr/")) facts.programs.push_back(BERM_TRY(HostPath::parse(package)));
  return facts;
}

}  // namespace berm

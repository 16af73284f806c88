#include "lint/agents.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace berm::lint {
namespace {

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& all, std::string_view word) {
  return std::ranges::find(all, word) != all.end();
}

constexpr std::array<std::string_view, 21> kModelKeys = {"AMP_API_KEY",
                                                         "FACTORY_API_KEY",
                                                         "ANTHROPIC_API_KEY",
                                                         "ANTHROPIC_AUTH_TOKEN",
                                                         "CLAUDE_CODE_OAUTH_TOKEN",
                                                         "CLAUDE_API_KEY",
                                                         "OPENAI_API_KEY",
                                                         "CODEX_API_KEY",
                                                         "GEMINI_API_KEY",
                                                         "GOOGLE_API_KEY",
                                                         "AWS_BEARER_TOKEN_BEDROCK",
                                                         "AZURE_OPENAI_KEY",
                                                         "AZURE_OPENAI_API_KEY",
                                                         "OPENROUTER_API_KEY",
                                                         "MISTRAL_API_KEY",
                                                         "DEEPSEEK_API_KEY",
                                                         "XAI_API_KEY",
                                                         "GROQ_API_KEY",
                                                         "CURSOR_API_KEY",
                                                         "ANTHROPIC_FOUNDRY_API_KEY",
                                                         "COPILOT_GITHUB_TOKEN"};
constexpr std::array<std::string_view, 16> kOtherKeys = {"AWS_SECRET_ACCESS_KEY",
                                                         "AWS_SESSION_TOKEN",
                                                         "GITHUB_TOKEN",
                                                         "GH_TOKEN",
                                                         "GITLAB_TOKEN",
                                                         "GITLAB_API_TOKEN",
                                                         "NPM_TOKEN",
                                                         "NODE_AUTH_TOKEN",
                                                         "PYPI_TOKEN",
                                                         "TWINE_PASSWORD",
                                                         "CARGO_REGISTRY_TOKEN",
                                                         "DOCKER_PASSWORD",
                                                         "DOCKERHUB_TOKEN",
                                                         "SLACK_BOT_TOKEN",
                                                         "VAULT_TOKEN",
                                                         "SONAR_TOKEN"};

// What stands inside the parentheses of Bash(…), without a closing ":*" or " *".
std::string_view command_of(std::string_view tool) {
  for (const std::string_view name : {"Bash(", "run_shell_command(", "shell(", "bash("}) {
    if (!tool.starts_with(name) || !tool.ends_with(')')) continue;
    return tool.substr(name.size(), tool.size() - name.size() - 1);
  }
  return "";
}

// The end of a run of characters that keys are made of.
std::size_t key_end(std::string_view text, std::size_t at) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  while (at < text.size() && is_part(text[at])) ++at;
  return at;
}

}  // namespace

bool is_agent_program(std::string_view word) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "claude", "codex", "gemini",  "opencode", "aider", "cursor-agent",
      "amp",    "goose", "copilot", "qwen",     "droid", "crush"};
  return is_one_of(kNames, word.substr(word.rfind('/') + 1));
}

bool is_agent_package(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames = {"@anthropic-ai/claude-code",
                                                             "@openai/codex",
                                                             "@google/gemini-cli",
                                                             "opencode-ai",
                                                             "aider-chat",
                                                             "@github/copilot",
                                                             "@sourcegraph/amp",
                                                             "@qwen-code/qwen-code",
                                                             "aider-install"};
  return is_one_of(kNames, name);
}

bool is_agent_image(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/') + 1;
  image = image.substr(slash, image.find(':', slash) - slash);
  const std::string name = lower(image);
  for (const std::string_view part : {"claude", "codex", "gemini-cli", "opencode", "aider",
                                      "coding-agent", "cursor-agent", "ai-agent"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

bool is_agent_action(std::string_view action) {
  static constexpr std::array<std::string_view, 6> kActions = {
      "anthropics/claude-code-action",
      "anthropics/claude-code-base-action",
      "google-github-actions/run-gemini-cli",
      "google-gemini/gemini-cli-action",
      "openai/codex-action",
      "actions/ai-inference"};
  return is_one_of(kActions, action) || action.starts_with("github/copilot-") ||
         action.starts_with("anthropics/claude-code-action/");
}

bool checks_actor(std::string_view action) {
  return action == "anthropics/claude-code-action" || action == "openai/codex-action";
}

bool is_model_key_name(std::string_view variable) { return is_one_of(kModelKeys, variable); }

bool is_key_name(std::string_view variable) {
  return is_model_key_name(variable) || is_one_of(kOtherKeys, variable);
}

std::vector<BypassUse> bypasses_in(const std::vector<std::string_view>& words) {
  static constexpr std::array<std::string_view, 11> kFlags = {
      "--dangerously-skip-permissions",
      "--allow-dangerously-skip-permissions",
      "--dangerously-bypass-approvals-and-sandbox",
      "--dangerously-allow-all",
      "--yolo",
      "--yes-always",
      "--allow-all-tools",
      "--sandbox=danger-full-access",
      "--permission-mode=bypassPermissions",
      "--approval-mode=yolo",
      "--no-sandbox"};
  struct Pair {
    std::string_view flag;
    std::string_view value;
  };
  static constexpr std::array<Pair, 7> kPairs = {{{"--safety-strategy", "unsafe"},
                                                  {"--permission-mode", "bypassPermissions"},
                                                  {"--sandbox", "danger-full-access"},
                                                  {"-s", "danger-full-access"},
                                                  {"--approval-mode", "yolo"},
                                                  {"-c", "sandbox_mode=danger-full-access"},
                                                  {"-c", "sandbox_mode=\"danger-full-access\""}}};
  std::vector<BypassUse> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_one_of(kFlags, words[i])) out.push_back({i, 1});
    const bool pair = i + 1 < words.size() && std::ranges::any_of(kPairs, [&](const Pair& one) {
                        return words[i] == one.flag && words[i + 1] == one.value;
                      });
    if (pair) out.push_back({i, 2});
  }
  return out;
}

std::vector<ToolUse> tools_in(std::string_view list) {
  std::vector<ToolUse> out;
  int depth = 0;
  std::size_t from = 0;
  for (std::size_t at = 0; at <= list.size(); ++at) {
    const char c = at < list.size() ? list[at] : ',';
    if (c == '(') ++depth;
    if (c == ')') --depth;
    const bool parts =
        at == list.size() ||
        (depth <= 0 && std::string_view(", \t\r\n\"'[]").find(c) != std::string_view::npos);
    if (!parts) continue;
    if (at > from) out.push_back({list.substr(from, at - from), from});
    from = at + 1;
  }
  return out;
}

bool is_broad_tool(std::string_view tool) {
  static constexpr std::array<std::string_view, 13> kAll = {
      "*",         "Bash",   "Bash(*)", "Bash(:*)", "Bash(**)",          "Bash(*:*)",
      "Bash(* *)", "Bash()", "shell",   "shell(*)", "run_shell_command", "run_shell_command(*)",
      "ShellTool"};
  return is_one_of(kAll, tool);
}

bool is_subshell_tool(std::string_view tool) {
  const std::string_view inside = command_of(tool);
  std::string_view command = inside;
  const bool any = command.ends_with(":*") || command.ends_with(" *");
  if (any) command.remove_suffix(2);
  if (!any && command.ends_with('*')) command.remove_suffix(1);
  command = trim(command);
  // "Bash(git *)" lets it say anything behind the word; "Bash(git status)" does not.
  if (command.find(' ') != std::string_view::npos || command.size() == inside.size()) return false;
  static constexpr std::array<std::string_view, 42> kPrograms = {
      "sh",    "bash", "zsh",    "dash",   "eval",    "exec",   "source",  "env",  "sudo",
      "xargs", "find", "awk",    "sed",    "perl",    "python", "python3", "node", "deno",
      "bun",   "ruby", "php",    "npx",    "npm",     "pnpm",   "yarn",    "uv",   "uvx",
      "pip",   "make", "docker", "podman", "kubectl", "ssh",    "curl",    "wget", "nc",
      "git",   "gh",   "glab",   "tee",    "cargo",   "go"};
  return is_one_of(kPrograms, command);
}

bool is_web_tool(std::string_view tool) {
  static constexpr std::array<std::string_view, 5> kAll = {
      "WebFetch", "WebFetch(*)", "WebFetch(domain:*)", "web_fetch", "webfetch"};
  return is_one_of(kAll, tool);
}

std::vector<LiteralKey> literal_keys_in(std::string_view text) {
  struct Form {
    std::string_view prefix;
    std::size_t least = 0;  ///< characters behind the prefix
    std::string_view kind;
  };
  static constexpr std::array<Form, 17> kForms = {{{"sk-ant-", 20, "a key of Anthropic"},
                                                   {"sk-proj-", 20, "a key of OpenAI"},
                                                   {"sk-or-v1-", 20, "a key of OpenRouter"},
                                                   {"AIzaSy", 30, "a key of Google"},
                                                   {"ghp_", 30, "a token of GitHub"},
                                                   {"gho_", 30, "a token of GitHub"},
                                                   {"ghs_", 30, "a token of GitHub"},
                                                   {"ghu_", 30, "a token of GitHub"},
                                                   {"github_pat_", 30, "a token of GitHub"},
                                                   {"glpat-", 16, "a token of GitLab"},
                                                   {"AKIA", 16, "a key of AWS"},
                                                   {"ASIA", 16, "a key of AWS"},
                                                   {"xoxb-", 20, "a token of Slack"},
                                                   {"xoxp-", 20, "a token of Slack"},
                                                   {"npm_", 30, "a token of npm"},
                                                   {"pypi-AgE", 30, "a token of PyPI"},
                                                   {"dckr_pat_", 20, "a token of Docker"}}};
  std::vector<LiteralKey> out;
  for (const Form& form : kForms) {
    for (std::size_t at = text.find(form.prefix); at != std::string_view::npos;
         at = text.find(form.prefix, at + 1)) {
      const std::size_t end = key_end(text, at);
      const bool begins = at == 0 || key_end(text, at - 1) == at - 1;
      const std::size_t rest = end - at - form.prefix.size();
      // An AWS key's id is of one length exactly.
      const bool long_enough = form.kind == "a key of AWS" ? rest == 16 : rest >= form.least;
      if (begins && long_enough) out.push_back({at, end - at, form.kind});
    }
  }
  const std::size_t begin = text.find("-----BEGIN ");
  const std::size_t word = text.find("PRIVATE KEY-----", begin == text.npos ? 0 : begin);
  if (begin != text.npos && word != text.npos && word - begin < 30)
    out.push_back({begin, word + 16 - begin, "a private key"});
  return out;
}

bool is_placeholder(std::string_view value) {
  value = trim(value);
  if (value.size() < 8) return true;
  if (value.find_first_of("$<>{}% ") != std::string_view::npos) return true;
  const std::string low = lower(value);
  for (const std::string_view part :
       {"example", "changeme", "change-me", "dummy",  "placeholder", "your",    "test",
        "fake",    "xxxx",     "redacted",  "not-a",  "unused",      "replace", "insert",
        "todo",    "none",     "sample",    "mock",   "local",       "****",    "...",
        "…",       "/run/",    "secret",    "vault:", "op://",       "arn:",    "file:"}) {
    if (low.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace berm::lint

#include "lint/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/agents.h"

namespace berm::lint {
namespace {

// Inputs of agents' actions that take the model's key or its account.
bool is_model_input(std::string_view input) {
  const std::string low = lower(input);
  for (const std::string_view part : {"api_key", "api-key", "oauth_token", "credentials_json",
                                      "service_account", "workload_identity"}) {
    if (low.find(part) != std::string::npos) return true;
  }
  return false;
}

bool is_own(std::string_view secret, std::string_view variable) {
  return secret == "GITHUB_TOKEN" || is_model_key_name(secret) || is_model_key_name(variable);
}

void collect(const Node* env, bool wide, std::vector<HeldSecret>& out) {
  for (const Entry& entry : entries_of(env)) {
    const std::string& variable = text_of(entry.key);
    for (std::string& name : secrets_in(text_of(entry.value))) {
      if (is_own(name, variable)) continue;
      out.push_back({.name = std::move(name),
                     .variable = variable,
                     .at = follow(entry.value)->span,
                     .wide = wide});
    }
  }
}

// Clients that ask nobody before they run a command.
bool asks_nobody(const StepAt& at, const Agent& agent) {
  const std::string_view name = std::string_view(agent.name).substr(agent.name.rfind('/') + 1);
  if (agent.name.ends_with("/run-gemini-cli") || agent.name.ends_with("/gemini-cli-action")) {
    // It is started with --yolo; its settings may still take tools away.
    const std::string& settings = text_of(get(at.step.node, {"with", "settings"}));
    return settings.find("\"core\"") == std::string::npos &&
           settings.find("coreTools") == std::string::npos;
  }
  return name == "opencode" || name == "goose" || name == "opencode-ai";
}

std::optional<Hand> hand_of(const StepAt& at, const Agent& agent) {
  if (agent.in_berm) return std::nullopt;
  std::vector<std::string_view> words;
  for (const Said& one : agent.arguments) words.emplace_back(one.text);
  const std::vector<BypassUse> bypasses = bypasses_in(words);
  if (!bypasses.empty()) {
    const Said& said = agent.arguments[bypasses[0].first];
    return Hand{said.span, "it asks nobody: " + printable(said.text)};
  }
  for (const Said& tool : agent.tools) {
    if (is_broad_tool(tool.text) || is_subshell_tool(tool.text))
      return Hand{tool.span, "it may run any command: " + printable(tool.text)};
    if (is_web_tool(tool.text))
      return Hand{tool.span, "it may ask for any address: " + printable(tool.text)};
  }
  if (asks_nobody(at, agent)) return Hand{agent.at, "it runs commands and asks nobody"};
  return std::nullopt;
}

}  // namespace

std::vector<HeldSecret> own_secrets(const WorkflowStep& step) {
  std::vector<HeldSecret> out;
  collect(get(step.node, "env"), false, out);
  for (const Entry& entry : entries_of(get(step.node, "with"))) {
    if (is_model_input(text_of(entry.key))) continue;
    for (std::string& name : secrets_in(text_of(entry.value))) {
      if (is_own(name, "")) continue;
      out.push_back({.name = std::move(name), .variable = "", .at = follow(entry.value)->span});
    }
  }
  return out;
}

std::vector<HeldSecret> secrets_held(const StepAt& at) {
  std::vector<HeldSecret> out = own_secrets(at.step);
  collect(get(at.job.node, "env"), true, out);
  collect(get(at.workflow.root, "env"), true, out);
  return out;
}

std::vector<WritePermission> write_permissions(const WorkflowJob& job) {
  std::vector<WritePermission> out;
  const Node* all = follow(job.permissions);
  if (text_of(all) == "write-all") return {{"write-all", all->span}};
  for (const char* scope : {"contents", "packages", "actions", "deployments", "security-events"}) {
    const Node* value = follow(get(job.permissions, scope));
    if (text_of(value) == "write") out.push_back({scope, value->span});
  }
  return out;
}

const Node* opened_by(const WorkflowStep& step) {
  for (const char* key : {"allowed_non_write_users", "allow-users"}) {
    const Node* value = follow(get(step.node, {"with", key}));
    if (trim(text_of(value)) == "*") return value;
  }
  return nullptr;
}

const Trigger* open_to_strangers(const StepAt& at) {
  const Trigger* trigger = at.workflow.untrusted_trigger();
  if (trigger == nullptr || is_gated(at.workflow, at.job, &at.step)) return nullptr;
  if (checks_actor(at.step.action) && opened_by(at.step) == nullptr) return nullptr;
  return trigger;
}

std::optional<Hand> hand_of(const StepAt& at) {
  for (const Agent& agent : at.step.agents) {
    if (std::optional<Hand> hand = hand_of(at, agent)) return hand;
  }
  return std::nullopt;
}

bool is_prompt(const StepText& text) {
  static constexpr std::array<std::string_view, 13> kPrompts = {
      "prompt",        "direct_prompt",          "override_prompt", "custom_instructions",
      "claude_args",   "system_prompt",          "codex-args",      "append_system_prompt",
      "system-prompt", "additional_permissions", "gemini_args",     "settings",
      "instructions"};
  return text.where.starts_with("with.") &&
         std::ranges::find(kPrompts, text.where.substr(5)) != kPrompts.end();
}

std::vector<StepText> prompts_of(const WorkflowStep& step) {
  std::vector<StepText> out;
  for (StepText& text : texts_of(step)) {
    const bool command = step.agent == AgentUse::command && text.where == "run";
    const bool input = step.agent == AgentUse::action && is_prompt(text);
    if (command || input) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace berm::lint

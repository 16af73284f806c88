#include "lint/workflow.h"

#include <algorithm>

#include "base/text.h"
#include "lint/kubernetes.h"

namespace berm::lint {
namespace {

constexpr std::string_view kAgentActions[] = {"anthropics/claude-code-action",
                                              "anthropics/claude-code-base-action",
                                              "google-github-actions/run-gemini-cli",
                                              "google-gemini/gemini-cli-action",
                                              "openai/codex-action",
                                              "actions/ai-inference"};

bool is_agent_action(std::string_view action) {
  return std::ranges::find(kAgentActions, action) != std::end(kAgentActions) ||
         action.starts_with("github/copilot-");
}

// A program's name where a command begins: at a line, behind && ; | or a variable's assignment.
bool starts_agent(std::string_view script) {
  for (const std::string_view line : split(script, '\n')) {
    std::string_view rest = trim(line);
    if (rest.starts_with('#')) continue;
    while (!rest.empty()) {
      const std::size_t blank = rest.find_first_of(" \t");
      const std::string_view word = rest.substr(0, blank);
      const std::string_view behind = blank == rest.npos ? "" : trim(rest.substr(blank));
      static constexpr std::string_view kBefore[] = {"sudo", "time",    "exec",  "npx",     "-y",
                                                     "env",  "timeout", "nohup", "command", "!"};
      const bool assignment =
          word.find('=') != word.npos && word.find('=') > 0 && !word.starts_with('-');
      const bool number = !word.empty() && word[0] >= '0' && word[0] <= '9';
      if (std::ranges::find(kBefore, word) != std::end(kBefore) || assignment || number) {
        rest = behind;
        continue;
      }
      if (is_agent_program(word) || word.starts_with("@anthropic-ai/claude-code")) {
        // Asking for its version, or logging in, is no work of an agent's.
        const std::string_view next = behind.substr(0, behind.find_first_of(" \t"));
        static constexpr std::string_view kHarmless[] = {
            "--version", "-v", "--help", "-h", "doctor", "update", "install", "mcp", "config"};
        if (std::ranges::find(kHarmless, next) == std::end(kHarmless)) return true;
      }
      std::size_t next = rest.npos;
      for (const std::string_view mark : {"&&", "||", ";", "|", "$(", "`"}) {
        const std::size_t at = rest.find(mark);
        if (at != rest.npos) next = std::min(next, at + mark.size());
      }
      rest = next == rest.npos ? "" : trim(rest.substr(next));
    }
  }
  return false;
}

WorkflowStep read_step(const Node* node) {
  WorkflowStep out{.node = follow(node), .uses = get(node, "uses"), .run = get(node, "run")};
  const std::string& uses = text_of(out.uses);
  const std::size_t at = uses.rfind('@');
  out.action = lower(uses.substr(0, at));
  if (at != std::string::npos) out.ref = uses.substr(at + 1);
  if (is_agent_action(out.action)) out.agent = AgentUse::action;
  if (out.run != nullptr && starts_agent(text_of(out.run))) out.agent = AgentUse::command;
  return out;
}

// "on" is a boolean to readers of YAML 1.1; to ours it is a word.
void read_triggers(const Node* on, Workflow& out) {
  for (const Node* word : words_of(on)) out.triggers[text_of(word)] = word;
  for (const Entry& entry : entries_of(on)) {
    if (is_mapping(on)) out.triggers[text_of(entry.key)] = entry.key;
  }
}

}  // namespace

const Node* Workflow::untrusted_trigger(std::string* event) const {
  // pull_request and its reviews come from forks without secrets, and with a token that reads.
  for (const char* name : {"pull_request_target", "issue_comment", "issues", "discussion",
                           "discussion_comment", "workflow_run"}) {
    const auto found = triggers.find(name);
    if (found == triggers.end()) continue;
    if (event != nullptr) *event = name;
    return found->second;
  }
  return nullptr;
}

std::optional<Workflow> read_workflow(const Source& file, const Node* document) {
  if (!is_mapping(get(document, "jobs"))) return std::nullopt;
  Workflow out{.file = &file, .root = follow(document), .triggers = {}, .jobs = {}};
  read_triggers(get(document, "on"), out);
  for (const Entry& entry : entries_of(get(document, "jobs"))) {
    if (!is_mapping(entry.value)) continue;
    WorkflowJob job{
        .node = follow(entry.value), .key = entry.key, .id = text_of(entry.key), .steps = {}};
    job.permissions = get(entry.value, "permissions");
    if (job.permissions == nullptr) job.permissions = get(document, "permissions");
    for (const Node* step : items_of(get(entry.value, "steps"))) {
      if (is_mapping(step)) job.steps.push_back(read_step(step));
    }
    job.agent = std::ranges::any_of(
        job.steps, [](const WorkflowStep& step) { return step.agent != AgentUse::none; });
    out.jobs.push_back(std::move(job));
  }
  return out;
}

std::vector<StepText> texts_of(const WorkflowStep& step) {
  std::vector<StepText> out;
  if (is_scalar(step.run)) out.push_back({"run", follow(step.run)});
  for (const char* group : {"with", "env"}) {
    for (const Entry& entry : entries_of(get(step.node, group))) {
      if (is_scalar(entry.value))
        out.push_back({std::string(group) + "." + text_of(entry.key), follow(entry.value)});
    }
  }
  return out;
}

bool gates_actor(std::string_view condition) {
  const std::string low = lower(condition);
  for (const std::string_view word :
       {"author_association", "github.actor", "github.triggering_actor", "sender.login",
        "user.login", "sender.type", "github.repository_owner", "head.repo.full_name",
        "head.repo.fork", "label.name", "labels.*.name", "head_repository", "permission"}) {
    if (low.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string permission_of(const Node* permissions, std::string_view scope) {
  if (permissions == nullptr) return "";
  const std::string& all = text_of(permissions);
  if (all == "write-all") return "write";
  if (all == "read-all") return "read";
  const Node* one = get(permissions, scope);
  return one == nullptr ? "none" : text_of(one);
}

}  // namespace berm::lint

#include "lint/workflow.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/agents.h"

namespace berm::lint {
namespace {

WorkflowStep read_step(const Node* node) {
  WorkflowStep out{.node = follow(node),
                   .uses = follow(get(node, "uses")),
                   .run = follow(get(node, "run")),
                   .id = text_of(get(node, "id")),
                   .action = {},
                   .ref = {},
                   .script = std::nullopt,
                   .agents = {}};
  const std::string& uses = text_of(out.uses);
  const std::size_t at = uses.rfind('@');
  out.action = lower(uses.substr(0, at));
  if (at != std::string::npos) out.ref = uses.substr(at + 1);
  return out;
}

// Flags among an action's inputs, as they would be words of a command.
void add_inputs(const Source& file, const WorkflowStep& step, Agent& agent) {
  for (const char* key : {"claude_args", "codex-args", "gemini_args", "args"}) {
    const Script words = read_script(file, get(step.node, {"with", key}));
    for (const Command& command : words.commands) {
      for (const Word& word : command.words) {
        agent.arguments.push_back({.text = word.text, .span = words.in_file(word.span)});
      }
    }
  }
  for (const char* key : {"sandbox", "safety-strategy", "permission-mode"}) {
    const Node* value = follow(get(step.node, {"with", key}));
    if (!is_scalar(value)) continue;
    agent.arguments.push_back({.text = std::string("--") + key, .span = value->span});
    agent.arguments.push_back({.text = value->value, .span = value->span});
  }
  find_tools(agent);
  for (const char* key : {"allowed_tools", "allowed-tools"}) {
    add_tools(file, get(step.node, {"with", key}), agent);
  }
}

// "tools": {"core": ["web_fetch", …]} in the settings of an action that takes them as JSON.
void add_settings(const Source& file, const Node* settings, Agent& agent) {
  if (!is_scalar(settings)) return;
  const Node& scalar = *follow(settings);
  const std::string_view text = scalar.value;
  for (const std::string_view key : {"\"core\"", "\"coreTools\"", "\"allowed\"", "\"allow\""}) {
    const std::size_t at = text.find(key);
    const std::size_t begin = at == text.npos ? at : text.find('[', at);
    const std::size_t end = begin == text.npos ? begin : text.find(']', begin);
    if (end == text.npos || text.find(':', at) > begin) continue;
    for (const ToolUse& use : tools_in(text.substr(begin + 1, end - begin - 1))) {
      agent.tools.push_back({.text = std::string(use.tool),
                             .span = span_in(file, scalar, begin + 1 + use.at, use.tool.size())});
    }
  }
}

void find_action(const Source& file, WorkflowStep& step) {
  if (!is_agent_action(step.action)) return;
  step.agent = AgentUse::action;
  Agent agent{.file = &file,
              .at = step.uses->span,
              .name = step.action,
              .action = true,
              .arguments = {},
              .tools = {}};
  add_inputs(file, step, agent);
  add_settings(file, get(step.node, {"with", "settings"}), agent);
  step.agents.push_back(std::move(agent));
}

void read_script_of(const Source& file, WorkflowStep& step) {
  if (step.script || step.run == nullptr) return;
  step.script = read_script(file, step.run);
}

// "on" is a boolean to readers of YAML 1.1; to ours it is a word.
void read_triggers(const Source& file, const Node* on, Workflow& out) {
  for (const Node* word : words_of(on)) {
    out.triggers.push_back({text_of(word), {&file, word->span, ""}});
  }
  for (const Entry& entry : entries_of(on)) {
    if (is_mapping(on)) out.triggers.push_back({text_of(entry.key), {&file, entry.key->span, ""}});
  }
}

WorkflowJob read_job(const Node* document, const Entry& entry) {
  WorkflowJob job{.node = follow(entry.value),
                  .key = entry.key,
                  .id = text_of(entry.key),
                  .permissions = get(entry.value, "permissions"),
                  .needs = {},
                  .steps = {}};
  if (job.permissions == nullptr) job.permissions = get(document, "permissions");
  for (const Node* word : words_of(get(entry.value, "needs"))) job.needs.push_back(text_of(word));
  for (const Node* step : items_of(get(entry.value, "steps"))) {
    if (is_mapping(step)) job.steps.push_back(read_step(step));
  }
  return job;
}

// "a/b/.github/workflows/x.yml" is of the repository "a/b/".
std::string repository_of(std::string_view path) {
  const std::size_t at = path.find(".github/");
  return std::string(at == path.npos ? "" : path.substr(0, at));
}

// "./x/../y" of a `uses:`, from the repository's root.
std::string local_path(const Workflow& from, std::string_view uses) {
  if (!uses.starts_with("./")) return "";
  uses.remove_prefix(2);
  while (uses.ends_with('/')) uses.remove_suffix(1);
  return repository_of(from.file->path()) + std::string(uses);
}

void take_triggers(const Workflow& caller, Workflow& called) {
  called.called = true;
  for (const Trigger& trigger : caller.triggers) {
    if (called.triggers.size() > 64) return;
    if (called.trigger(trigger.event) == nullptr) called.triggers.push_back(trigger);
  }
}

void taint(const Workflow& caller, const WorkflowJob& job, const WorkflowStep* step,
           const Node* inputs, Workflow& called) {
  static const WorkflowStep kNone{};
  for (const Entry& entry : entries_of(inputs)) {
    const std::string& text = text_of(entry.value);
    if (strangers_in(caller, job, step == nullptr ? kNone : *step, text).empty()) continue;
    called.tainted.emplace(
        "inputs." + lower(text_of(entry.key)),
        Location{caller.file, follow(entry.value)->span, "a stranger's text is passed on here"});
  }
}

// Which of a payload's parts an event has.
bool carries(std::string_view event, std::string_view path) {
  const auto is = [&](std::string_view prefix) { return path.starts_with(prefix); };
  const bool pull = event.starts_with("pull_request");
  if (is("github.head_ref") || is("github.event.pull_request.")) return pull;
  if (is("github.event.issue.")) return event == "issues" || event == "issue_comment";
  if (is("github.event.comment."))
    return event == "issue_comment" || event == "pull_request_review_comment" ||
           event == "commit_comment" || event == "discussion_comment";
  if (is("github.event.review.")) return event == "pull_request_review";
  if (is("github.event.discussion.")) return event.starts_with("discussion");
  if (is("github.event.workflow_run.")) return event == "workflow_run";
  if (is("github.event.head_commit.") || is("github.event.commits.")) return event == "push";
  if (is("github.event.pages.")) return event == "gollum";
  return true;
}

bool can_occur(const Workflow& workflow, std::string_view path) {
  const bool anything = workflow.triggers.empty() ||
                        (workflow.trigger("workflow_call") != nullptr && !workflow.called);
  return anything || std::ranges::any_of(workflow.triggers, [&](const Trigger& trigger) {
           return carries(trigger.event, path);
         });
}

// The author of a comment is who the gate lets through: so is his text, but not the issue's.
bool gate_covers(const WorkflowJob& job, const WorkflowStep& step, std::string_view path) {
  const std::string condition = lower(text_of(get(job.node, "if")) + text_of(get(step.node, "if")));
  for (const std::string_view part : {"comment", "review", "issue", "pull_request"}) {
    const std::string association = "event." + std::string(part) + ".author_association";
    if (condition.find(association) != std::string::npos &&
        path.starts_with("github.event." + std::string(part) + "."))
      return true;
  }
  return false;
}

// A variable of the workflow's own env, if that is what holds the text.
const Node* variable_named(const Workflow& workflow, const WorkflowJob& job,
                           const WorkflowStep& step, std::string_view name) {
  for (const Node* where : {step.node, job.node, workflow.root}) {
    for (const Entry& entry : entries_of(get(where, "env"))) {
      if (lower(text_of(entry.key)) == name) return follow(entry.value);
    }
  }
  return nullptr;
}

bool is_strangers(const Workflow& workflow, const WorkflowJob& job, const WorkflowStep& step,
                  const std::string& path) {
  if (is_untrusted(path)) return can_occur(workflow, path) && !gate_covers(job, step, path);
  std::string input = path;
  if (input.starts_with("github.event.inputs.")) input = input.substr(13);
  if (workflow.tainted.contains(input)) return true;
  if (!path.starts_with("env.")) return false;
  const Node* value = variable_named(workflow, job, step, path.substr(4));
  if (value == nullptr || value->value.find("env.") != std::string::npos) return false;
  return !strangers_in(workflow, job, step, value->value).empty();
}

bool is_head(std::string_view text) {
  const std::string low = lower(text);
  for (const std::string_view part : {"head.sha", "head.ref", "head_ref", "refs/pull/", "head_sha",
                                      "head_branch", "merge_commit_sha", "head.repo"}) {
    if (low.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

Span WorkflowStep::at() const {
  if (uses != nullptr) return uses->span;
  const std::optional<Entry> entry = entry_of(node, "run");
  return entry ? entry->key->span : node->span;
}

const Trigger* Workflow::trigger(std::string_view event) const {
  const auto found = std::ranges::find(triggers, event, &Trigger::event);
  return found == triggers.end() ? nullptr : &*found;
}

const Trigger* Workflow::untrusted_trigger() const {
  // pull_request and its reviews come from forks without secrets, and with a token that reads.
  for (const char* name : {"pull_request_target", "issue_comment", "issues", "discussion",
                           "discussion_comment", "workflow_run"}) {
    if (const Trigger* found = trigger(name)) return found;
  }
  return nullptr;
}

const WorkflowJob* Workflow::job(std::string_view id) const {
  const auto found = std::ranges::find(jobs, id, &WorkflowJob::id);
  return found == jobs.end() ? nullptr : &*found;
}

std::optional<Workflow> read_workflow(const Source& file, const Node* document) {
  if (!is_mapping(get(document, "jobs"))) return std::nullopt;
  Workflow out{.file = &file, .root = follow(document), .triggers = {}, .jobs = {}, .tainted = {}};
  read_triggers(file, get(document, "on"), out);
  for (const Entry& entry : entries_of(get(document, "jobs"))) {
    if (is_mapping(entry.value)) out.jobs.push_back(read_job(document, entry));
  }
  return out;
}

std::optional<Workflow> read_composite(const Source& file, const Node* document) {
  const Node* runs = get(document, "runs");
  if (text_of(get(runs, "using")) != "composite") return std::nullopt;
  Workflow out{.file = &file,
               .root = follow(document),
               .composite = true,
               .triggers = {},
               .jobs = {},
               .tainted = {}};
  const std::optional<Entry> entry = entry_of(document, "runs");
  if (entry) out.jobs.push_back(read_job(document, *entry));
  return out;
}

void find_agents(Workflow& workflow) {
  for (WorkflowJob& job : workflow.jobs) {
    for (WorkflowStep& step : job.steps) {
      find_action(*workflow.file, step);
      if (step.run != nullptr && may_start_agent(text_of(step.run))) {
        read_script_of(*workflow.file, step);
        step.agents = agents_in(*step.script);
        if (!step.agents.empty()) step.agent = AgentUse::command;
      }
      job.agent = job.agent || step.agent != AgentUse::none;
    }
  }
}

void read_scripts(Workflow& workflow) {
  const bool open = workflow.untrusted_trigger() != nullptr;
  for (WorkflowJob& job : workflow.jobs) {
    for (WorkflowStep& step : job.steps) {
      const std::string& text = text_of(step.run);
      const bool worth =
          job.agent || open || workflow.composite ||
          std::ranges::any_of(std::array{"docker", "podman", "curl", "wget"},
                              [&](const char* word) { return text.find(word) != text.npos; });
      if (worth) read_script_of(*workflow.file, step);
    }
  }
}

void join_calls(std::deque<Workflow>& workflows) {
  std::map<std::string, Workflow*, std::less<>> by_path;
  for (Workflow& one : workflows) by_path[one.file->path()] = &one;
  const auto find = [&](const Workflow& from, const std::string& uses) -> Workflow* {
    const std::string path = local_path(from, uses);
    if (path.empty()) return nullptr;
    for (const char* rest : {"", "/action.yml", "/action.yaml"}) {
      const auto found = by_path.find(path + rest);
      if (found != by_path.end()) return found->second;
    }
    return nullptr;
  };
  // A call in a call in a call: what comes in at the first reaches the last.
  constexpr int kDeepestCall = 4;
  for (int round = 0; round < kDeepestCall; ++round) {
    for (Workflow& caller : workflows) {
      for (WorkflowJob& job : caller.jobs) {
        const Node* uses = get(job.node, "uses");
        if (Workflow* called = uses == nullptr ? nullptr : find(caller, text_of(uses))) {
          take_triggers(caller, *called);
          taint(caller, job, nullptr, get(job.node, "with"), *called);
        }
        for (WorkflowStep& step : job.steps) {
          Workflow* called = step.uses == nullptr ? nullptr : find(caller, text_of(step.uses));
          if (called == nullptr || called == &caller) continue;
          take_triggers(caller, *called);
          taint(caller, job, &step, get(step.node, "with"), *called);
          step.called = called;
          const bool agent = std::ranges::any_of(called->jobs, &WorkflowJob::agent);
          if (agent && step.agent == AgentUse::none) step.agent = AgentUse::called;
          job.agent = job.agent || agent;
        }
      }
    }
  }
}

Job neutral(const Workflow& workflow, const WorkflowJob& job) {
  Job out{.system = CiSystem::github,
          .file = workflow.file,
          .node = job.node,
          .id = job.id,
          .at = job.key->span,
          .scripts = {},
          .agents = {},
          .variables = {},
          .images = {},
          .time_limit = get(job.node, "timeout-minutes"),
          .workflow_job = &job,
          .workflow = &workflow};
  for (const WorkflowStep& step : job.steps) {
    if (step.script) out.scripts.push_back(&*step.script);
    out.agents.insert(out.agents.end(), step.agents.begin(), step.agents.end());
  }
  const auto add = [&](const Node* env, bool global) {
    for (const Entry& entry : entries_of(env))
      out.variables.push_back({entry.key, entry.value, global});
  };
  add(get(workflow.root, "env"), true);
  add(get(job.node, "env"), false);
  for (const WorkflowStep& step : job.steps) add(get(step.node, "env"), false);
  const Node* container = get(job.node, "container");
  const auto add_image = [&](const Node* image) {
    if (is_scalar(image) && !text_of(image).empty()) out.images.push_back(follow(image));
  };
  add_image(is_mapping(container) ? get(container, "image") : container);
  for (const Entry& entry : entries_of(get(job.node, "services"))) {
    add_image(get(entry.value, "image"));
  }
  return out;
}

std::vector<StepText> texts_of(const WorkflowStep& step) {
  std::vector<StepText> out;
  if (is_scalar(step.run)) out.push_back({"run", step.run});
  for (const char* group : {"with", "env"}) {
    for (const Entry& entry : entries_of(get(step.node, group))) {
      if (is_scalar(entry.value))
        out.push_back({std::string(group) + "." + text_of(entry.key), follow(entry.value)});
    }
  }
  return out;
}

std::vector<StrangersText> strangers_in(const Workflow& workflow, const WorkflowJob& job,
                                        const WorkflowStep& step, std::string_view text) {
  std::vector<StrangersText> out;
  for (const Embedded& one : expressions_in(text)) {
    if (!one.expression) continue;
    for (const ContextPath& path : contexts_in(*one.expression)) {
      if (is_strangers(workflow, job, step, path.path)) out.push_back({path.path, one.span});
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

bool is_gated(const Workflow& workflow, const WorkflowJob& job, const WorkflowStep* step) {
  if (step != nullptr && gates_actor(text_of(get(step->node, "if")))) return true;
  std::vector<const WorkflowJob*> open = {&job};
  for (std::size_t i = 0; i < open.size() && i < 64; ++i) {
    const std::string& condition = text_of(get(open[i]->node, "if"));
    if (gates_actor(condition)) return true;
    // A job that runs whatever became of those before it is held by none of them.
    if (condition.find("always()") != std::string::npos) continue;
    for (const std::string& id : open[i]->needs) {
      if (const WorkflowJob* needed = workflow.job(id)) open.push_back(needed);
    }
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

std::vector<std::string> secrets_in(std::string_view text) {
  std::vector<std::string> out;
  for (const Embedded& one : expressions_in(text)) {
    if (!one.expression) continue;
    for (const ContextPath& path : contexts_in(*one.expression)) {
      constexpr std::string_view kPrefix = "secrets.";
      if (!path.path.starts_with(kPrefix)) continue;
      std::string name = path.path.substr(kPrefix.size());
      std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      });
      out.push_back(std::move(name));
    }
  }
  return out;
}

std::optional<HeadCheckout> head_checkout(const WorkflowStep& step) {
  if (step.action == "actions/checkout") {
    for (const char* key : {"ref", "repository"}) {
      const Node* value = follow(get(step.node, {"with", key}));
      if (is_scalar(value) && is_head(value->value)) return HeadCheckout{value, value->span};
    }
  }
  if (!step.script) return std::nullopt;
  for (const Command& command : step.script->commands) {
    const bool pull = command.program() == "gh" && command.words.size() > 2 &&
                      command.words[1].text == "pr" && command.words[2].text == "checkout";
    if (pull) return HeadCheckout{step.run, step.script->in_file(command.span)};
  }
  return std::nullopt;
}

}  // namespace berm::lint

// Keys that an agent's own step holds.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lint/agents.h"
#include "lint/reach.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_token_name(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "GH_TOKEN", "GITHUB_TOKEN", "github_token", "github-token", "token", "GITHUB_PAT"};
  return std::ranges::find(kNames, name) != kNames.end();
}

void check_own(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.agent != AgentUse::action && step.agent != AgentUse::command) continue;
    for (const HeldSecret& one : own_secrets(step)) {
      if (one.variable.empty() || is_token_name(one.variable)) continue;
      report.add(
          *workflow.file, one.at,
          fmt::format("the agent and every command of it see {} in ${}", one.name, one.variable));
    }
  }
}

void check_pat(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.agent != AgentUse::action && step.agent != AgentUse::command) continue;
    for (const char* group : {"with", "env"}) {
      for (const Entry& entry : entries_of(get(step.node, group))) {
        if (!is_token_name(text_of(entry.key))) continue;
        for (const std::string& name : secrets_in(text_of(entry.value))) {
          if (name == "GITHUB_TOKEN") continue;
          report.add(*workflow.file, follow(entry.value)->span,
                     fmt::format("the agent's token is {}, which outlives the job", name));
        }
      }
    }
  }
}

void check_static(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    if (step.agent != AgentUse::action && step.agent != AgentUse::command) continue;
    for (const char* group : {"with", "env"}) {
      for (const Entry& entry : entries_of(get(step.node, group))) {
        for (const std::string& name : secrets_in(text_of(entry.value))) {
          if (is_model_key_name(name) || is_model_key_name(text_of(entry.key)))
            report.add(*workflow.file, follow(entry.value)->span,
                       fmt::format("{} works until somebody revokes it", name));
        }
      }
    }
  }
}

bool logs_in(const WorkflowStep& step) {
  static constexpr std::array<std::string_view, 4> kLogins = {
      "aws-actions/configure-aws-credentials", "google-github-actions/auth", "azure/login",
      "hashicorp/vault-action"};
  return std::ranges::find(kLogins, step.action) != kLogins.end();
}

void check_identity(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    const Trigger* trigger = workflow.untrusted_trigger();
    const Node* token = follow(get(job.permissions, "id-token"));
    const auto login = std::ranges::find_if(job.steps, logs_in);
    if (trigger == nullptr || !job.agent || text_of(token) != "write" || login == job.steps.end())
      continue;
    // Of a model that is the cloud's own, it is the agent's key.
    const bool for_model = std::ranges::any_of(job.steps, [](const WorkflowStep& step) {
      return text_of(get(step.node, {"with", "use_bedrock"})) == "true" ||
             text_of(get(step.node, {"with", "use_vertex"})) == "true";
    });
    Finding& found = report.add(
        *workflow.file, token->span,
        fmt::format("the agent of job '{}' can log in to the cloud as this repository", job.id));
    found.path = {with_note(trigger->at, "strangers' text comes in here"),
                  {workflow.file, login->at(), "and the cloud's session is beside it"}};
    if (for_model) found.severity = Severity::low;
  }
}

}  // namespace

const Rule agent_step_secret{
    .id = "agent-step-secret",
    .title = "a secret in the agent's own environment",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "The agent's commands inherit it, its Read tool reaches /proc/self/environ, and a request "
        "carries it out (Microsoft on the Read tool, 2026-06-05, fixed in 2.1.128).",
    .bad = "- run: claude -p \"Release it\"\n  env:\n    NPM_TOKEN: ${{ secrets.NPM_TOKEN }}",
    .good =
        "- run: claude -p \"Prepare the release\"\n- run: npm publish   # in a job of its own\n  "
        "env:\n    NPM_TOKEN: ${{ secrets.NPM_TOKEN }}",
    .fix =
        "give it to a job that runs no model, or to berm's broker, which keeps it from the agent",
    .check = check_own};

const Rule pat_as_token{
    .id = "pat-as-token",
    .title = "an agent with a person's token",
    .severity = Severity::medium,
    .why =
        "A personal access token reaches every repository of its owner, starts workflows in turn, "
        "and is good tomorrow; the job's own token is none of that.",
    .bad = "with:\n  github_token: ${{ secrets.BOT_PAT }}",
    .good = "with:\n  github_token: ${{ github.token }}",
    .fix = "use github.token, or a GitHub App's token for this repository alone",
    .check = check_pat};

const Rule static_model_key{
    .id = "static-model-key",
    .title = "a model's key that does not expire",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why =
        "What leaks from one run is used for months. Workload identity federation, Bedrock or "
        "Vertex with OIDC give each job a key of its own.",
    .bad = "anthropic_api_key: ${{ secrets.ANTHROPIC_API_KEY }}",
    .good = "use_bedrock: \"true\"   # with aws-actions/configure-aws-credentials and id-token",
    .fix = "use federation where the model's host has it; else a key of this repository alone",
    .check = check_static};

const Rule agent_identity_token{
    .id = "agent-identity-token",
    .title = "an agent of strangers' text that is logged in to a cloud",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why = "The session lies in the job's environment; what the role may do, the agent may do.",
    .bad =
        "on: issues\npermissions: {id-token: write}\nsteps:\n  - uses: "
        "aws-actions/configure-aws-credentials@v4\n  - run: claude -p …",
    .good = "the deployment in a job of its own, which needs the agent's",
    .fix = "log in in a job without a model; for Bedrock, with a role that only invokes models",
    .check = check_identity};

}  // namespace berm::lint

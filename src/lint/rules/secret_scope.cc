#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void look(const Workflow& workflow, const Node* env, const std::string& where, Report& report) {
  for (const Entry& entry : entries_of(env)) {
    const std::vector<std::string> secrets = secrets_in(text_of(entry.value));
    if (std::ranges::all_of(secrets, [](const auto& name) { return name == "GITHUB_TOKEN"; }))
      continue;
    report.add(*workflow.file, entry.value->span,
               fmt::format("{} is in the environment of {}", text_of(entry.key), where));
  }
}

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    if (!job.agent) continue;
    look(workflow, get(job.node, "env"),
         fmt::format("every step of job '{}', the agent's among them", job.id), report);
    look(workflow, get(workflow.root, "env"), "every step of every job, the agent's among them",
         report);
  }
}

}  // namespace

const Rule secret_scope_too_wide{
    .id = "secret-scope-too-wide",
    .title = "a secret that more steps see than need it",
    .severity = Severity::medium,
    .why =
        "Every command of an agent inherits its environment; a masked secret is masked in the log, "
        "not from the agent (Microsoft on the Read tool, 2026-06-05).",
    .bad = "env:\n  NPM_TOKEN: ${{ secrets.NPM_TOKEN }}\njobs: …",
    .good = "- run: npm publish\n  env:\n    NPM_TOKEN: ${{ secrets.NPM_TOKEN }}",
    .fix = "move the secret to the one step that needs it",
    .check = check};

}  // namespace berm::lint

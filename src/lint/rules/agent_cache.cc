#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// What writes a cache: the step's name for it, else nullptr.
const Node* cache_of(const WorkflowStep& step) {
  if (step.action == "actions/cache" || step.action == "actions/cache/save") return step.uses;
  if (!step.action.starts_with("actions/setup-")) return nullptr;
  const Node* cache = get(step.node, {"with", "cache"});
  return text_of(cache).empty() || text_of(cache) == "false" ? nullptr : cache;
}

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Trigger* trigger = workflow.untrusted_trigger();
    const Node* at = trigger != nullptr && job.agent ? cache_of(step) : nullptr;
    if (at == nullptr) continue;
    Finding& found = report.add(
        *workflow.file, at->span,
        fmt::format("what the agent of job '{}' leaves is restored by other jobs", job.id));
    found.path = {
        with_note(trigger->at, "runs on the default branch, whose caches all branches restore")};
  }
}

}  // namespace

const Rule agent_cache_write{
    .id = "agent-cache-write",
    .title = "a cache that an agent of strangers writes",
    .severity = Severity::high,
    .why =
        "Clinejection: a triage bot was talked into poisoning the cache that the release job "
        "restored, and the release was the attacker's.",
    .bad =
        "on: issues\nsteps:\n  - uses: actions/cache@v4\n  - uses: "
        "anthropics/claude-code-action@v1",
    .good = "- uses: actions/cache/restore@v4",
    .fix = "restore only (actions/cache/restore), or no cache in the agent's job",
    .check = check};

}  // namespace berm::lint

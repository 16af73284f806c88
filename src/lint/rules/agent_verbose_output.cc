#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_on(const Node* value) { return text_of(value) == "true" || text_of(value) == "1"; }

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job, step] : model.steps) {
    const Node* full = get(step.node, {"with", "show_full_output"});
    if (step.agent == AgentUse::action && is_on(full))
      report.add(*workflow.file, full->span, "everything that the agent reads is in the log");
  }
  for (const Job& job : model.jobs) {
    if (job.agents.empty()) continue;
    for (const Variable& one : job.variables) {
      if (text_of(one.key) == "ACTIONS_STEP_DEBUG" && is_on(one.value))
        report.add(*job.file, one.value->span, "everything that the agent reads is in the log");
    }
  }
}

}  // namespace

const Rule verbose_agent_output{.id = "verbose-agent-output",
                                .title = "an agent that shows what it should keep to itself",
                                .severity = Severity::medium,
                                .why =
                                    "A log of a public repository is public: files and variables "
                                    "that the agent reads are in it, in forms that no mask knows.",
                                .bad = "with:\n  show_full_output: true",
                                .good = "with: {}",
                                .fix = "remove the key",
                                .check = check};

}  // namespace berm::lint

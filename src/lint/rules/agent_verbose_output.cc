#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      for (const WorkflowStep& step : job.steps) {
        const Node* full = get(step.node, {"with", "show_full_output"});
        if (step.agent == AgentUse::none || full == nullptr || text_of(full) != "true") continue;
        report.add(*workflow.file, full->span, "everything that the agent reads is in the log");
      }
      for (const Node* env : {get(workflow.root, "env"), get(job.node, "env")}) {
        const Node* scrub = get(env, "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB");
        if (!job.agent || scrub == nullptr || (text_of(scrub) != "0" && text_of(scrub) != "false"))
          continue;
        report.add(*workflow.file, scrub->span, "the agent's commands inherit its keys");
      }
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

#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

// "ephemeral" in a label is its owner's word that the machine does not stay.
const Node* own_machine(const WorkflowJob& job) {
  const Node* runs_on = get(job.node, "runs-on");
  const Node* found = nullptr;
  for (const Node* label : words_of(is_mapping(runs_on) ? get(runs_on, "labels") : runs_on)) {
    if (text_of(label).find("ephemeral") != std::string::npos) return nullptr;
    if (text_of(label) == "self-hosted") found = follow(label);
  }
  return found;
}

void check(const Model& model, Report& report) {
  for (const auto& [workflow, job] : model.workflow_jobs) {
    const Node* label = job.agent ? own_machine(job) : nullptr;
    if (label == nullptr) continue;
    const bool strangers =
        workflow.untrusted_trigger() != nullptr || workflow.trigger("pull_request") != nullptr;
    Finding& found =
        report.add(*workflow.file, label->span,
                   fmt::format("the agent of job '{}' works on a machine that stays", job.id));
    if (strangers) found.severity = Severity::high;
  }
}

}  // namespace

const Rule agent_self_hosted{
    .id = "agent-self-hosted",
    .title = "an agent on a runner of your own",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "What one job leaves in the home directory, the tool cache or a running process meets the "
        "next, of another repository (docs.github.com: self-hosted runner security).",
    .bad = "runs-on: [self-hosted, linux]",
    .good = "runs-on: ubuntu-latest   # or an ephemeral runner, and the agent by berm",
    .fix = "use ephemeral runners, and run the agent by berm",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    const bool job = pod.object.kind == "Job" || pod.object.kind == "CronJob";
    if (!pod.agent || (!job && pod.object.kind != "Pod")) continue;
    const Node* of_job =
        pod.object.kind == "CronJob"
            ? get(pod.object.node, {"spec", "jobTemplate", "spec", "activeDeadlineSeconds"})
            : get(pod.object.node, {"spec", "activeDeadlineSeconds"});
    if (of_job != nullptr || get(pod.spec, "activeDeadlineSeconds") != nullptr) continue;
    Finding& found = report.add(*pod.object.file, pod.object.span,
                                words_for(pod.object) + " lets its agent run for ever");
    found.fix = Fix{"activeDeadlineSeconds: 3600",
                    false,
                    {insert_entry(*pod.object.file, pod.spec, "activeDeadlineSeconds: 3600")}};
  }
}

}  // namespace

const Rule k8s_deadline{
    .id = "k8s-deadline",
    .title = "an agent that may run for ever",
    .severity = Severity::low,
    .why = "An agent that was talked into a loop costs tokens until somebody looks.",
    .bad = "kind: Job\nspec:\n  template: …",
    .good = "kind: Job\nspec:\n  activeDeadlineSeconds: 3600\n  template: …",
    .fix = "set activeDeadlineSeconds",
    .check = check};

}  // namespace berm::lint

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* privileged = get(container.node, {"securityContext", "privileged"});
    if (!is_true(privileged)) continue;
    Finding& found = report.add(*pod.object.file, privileged->span,
                                words_for(pod, container) + " is privileged: it is the node");
    found.fix = Fix{"privileged: false", false, {{privileged->span, "false"}}};
  }
}

}  // namespace

const Rule k8s_privileged{
    .id = "k8s-privileged",
    .title = "a privileged container",
    .severity = Severity::critical,
    .why =
        "A privileged container has every device and capability of its node: one mount(2) reads "
        "the "
        "disks of all other pods (Pod Security Standards, baseline).",
    .bad = "securityContext:\n  privileged: true",
    .good = "securityContext:\n  privileged: false",
    .fix = "remove `privileged`; grant the one capability or device that is needed",
    .check = check};

}  // namespace berm::lint

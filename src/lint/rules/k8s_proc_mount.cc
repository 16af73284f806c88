#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* mount = get(container.node, {"securityContext", "procMount"});
    if (text_of(mount) != "Unmasked") continue;
    Finding& found =
        report.add(*pod.object.file, mount->span, words_for(pod, container) + " sees all of /proc");
    found.fix = Fix{"procMount: Default", false, {{mount->span, "Default"}}};
  }
}

}  // namespace

const Rule k8s_proc_mount{
    .id = "k8s-proc-mount",
    .title = "a container with the whole of /proc",
    .severity = Severity::high,
    .why =
        "Unmasked, /proc/sysrq-trigger, /proc/kcore and writable kernel settings are there (Pod "
        "Security "
        "Standards, baseline).",
    .bad = "securityContext:\n  procMount: Unmasked",
    .good = "securityContext: {}",
    .fix = "remove procMount; nested containers need user namespaces (hostUsers: false), not this",
    .check = check};

}  // namespace berm::lint

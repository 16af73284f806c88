#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* value = security(pod, container, "allowPrivilegeEscalation");
    if (is_false(value)) continue;
    Finding& found =
        report.add(*pod.object.file, place_in(container, "allowPrivilegeEscalation"),
                   words_for(pod, container) + " may gain rights by set-user-ID programs");
    if (!pod.agent) found.persona = Persona::pedantic;
    found.fix = set_security(*pod.object.file, container, "allowPrivilegeEscalation", "false");
  }
}

}  // namespace

const Rule k8s_privilege_escalation{
    .id = "k8s-privilege-escalation",
    .title = "a container whose programs may gain rights",
    .severity = Severity::medium,
    .why =
        "Without no_new_privs every set-user-ID program of the image is a way up, and seccomp "
        "filters of the "
        "agent's own are not to be had (Pod Security Standards, restricted).",
    .bad = "securityContext: {}",
    .good = "securityContext:\n  allowPrivilegeEscalation: false",
    .fix = "set allowPrivilegeEscalation: false",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* profile = security(pod, container, "seccompProfile");
    const Node* type = get(profile, "type");
    const bool off = text_of(type) == "Unconfined";
    if (is_scalar(type) && !off) continue;
    Finding& found =
        report.add(*pod.object.file, off ? type->span : place_in(container, "seccompProfile"),
                   words_for(pod, container) + (off ? " has its system call filter taken off"
                                                    : " has no system call filter"));
    if (off) found.severity = Severity::high;
    if (off) found.fix = Fix{"type: RuntimeDefault", false, {{type->span, "RuntimeDefault"}}};
    if (!off)
      found.fix =
          set_security(*pod.object.file, container, "seccompProfile", "{type: RuntimeDefault}");
    if (!pod.agent && !off) found.persona = Persona::pedantic;
  }
}

}  // namespace

const Rule k8s_seccomp{
    .id = "k8s-seccomp",
    .title = "no seccomp profile",
    .severity = Severity::medium,
    .why =
        "A kubelet without --seccomp-default runs pods unconfined: keyctl, io_uring, bpf and user "
        "namespaces, "
        "where most kernel exploits of the last years begin (Pod Security Standards, restricted).",
    .bad = "securityContext: {}",
    .good = "securityContext:\n  seccompProfile: {type: RuntimeDefault}",
    .fix = "set seccompProfile: {type: RuntimeDefault}",
    .check = check};

}  // namespace berm::lint

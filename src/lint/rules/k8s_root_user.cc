#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_zero(const Node* node) { return is_scalar(node) && text_of(node) == "0"; }

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* user = security(pod, container, "runAsUser");
    const bool held = is_true(security(pod, container, "runAsNonRoot"));
    if (!is_zero(user) && (held || is_scalar(user))) continue;
    Finding& found = report.add(
        *pod.object.file, is_zero(user) ? user->span : place_in(container, "runAsNonRoot"),
        words_for(pod, container) +
            (is_zero(user) ? " runs as root" : " may run as root: its image says who it is"));
    if (!pod.agent && !is_zero(user)) found.persona = Persona::pedantic;
    if (!is_zero(user))
      found.fix = set_security(*pod.object.file, container, "runAsNonRoot", "true");
  }
}

}  // namespace

const Rule k8s_root_user{
    .id = "k8s-root-user",
    .title = "a container that runs, or may run, as root",
    .severity = Severity::medium,
    .why =
        "Most escapes from containers need root inside (CVE-2019-5736 wrote to the runtime's own "
        "binary); "
        "Claude Code refuses to skip its permissions as root (Pod Security Standards, restricted).",
    .bad = "securityContext:\n  runAsUser: 0",
    .good = "securityContext:\n  runAsNonRoot: true\n  runAsUser: 10001",
    .fix = "set runAsNonRoot: true and a runAsUser",
    .check = check};

}  // namespace berm::lint

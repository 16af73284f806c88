#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* value = security(pod, container, "readOnlyRootFilesystem");
    if (is_true(value)) continue;
    Finding& found = report.add(*pod.object.file, place_in(container, "readOnlyRootFilesystem"),
                                words_for(pod, container) + " may write to its own programs");
    if (!pod.agent) found.persona = Persona::pedantic;
    found.fix = set_security(*pod.object.file, container, "readOnlyRootFilesystem", "true");
  }
}

}  // namespace

const Rule k8s_writable_root{
    .id = "k8s-writable-root",
    .title = "a container whose own file system may be written to",
    .severity = Severity::low,
    .why =
        "What an agent changes in /usr or /etc of its container stands in the way of whoever "
        "debugs it, and lives "
        "as long as the pod: a hostile package can replace git or the agent itself.",
    .bad = "securityContext: {}",
    .good = "securityContext:\n  readOnlyRootFilesystem: true",
    .fix = "set readOnlyRootFilesystem: true and mount an emptyDir where the agent writes",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    for (const char* key : {"hostNetwork", "hostPID", "hostIPC"}) {
      const Node* value = get(pod.spec, key);
      if (!is_true(value)) continue;
      Finding& found =
          report.add(*pod.object.file, value->span,
                     fmt::format("{} shares its node's namespace: {}", words_for(pod.object), key));
      found.fix = Fix{fmt::format("{}: false", key), false, {{value->span, "false"}}};
    }
  }
}

}  // namespace

const Rule k8s_host_namespace{.id = "k8s-host-namespace",
                              .title = "a pod in its node's network, process or IPC namespace",
                              .severity = Severity::high,
                              .why =
                                  "In the node's network a pod reaches the node's own services and "
                                  "the cloud's metadata address, and "
                                  "no NetworkPolicy speaks of it; with the node's processes it "
                                  "reads the environment of all others.",
                              .bad = "spec:\n  hostNetwork: true",
                              .good = "spec:\n  hostNetwork: false",
                              .fix = "remove hostNetwork, hostPID and hostIPC",
                              .check = check};

}  // namespace berm::lint

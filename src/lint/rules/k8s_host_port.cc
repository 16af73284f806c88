#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    for (const Node* port : items_of(get(container.node, "ports"))) {
      const Node* host = get(port, "hostPort");
      if (!is_scalar(host) || text_of(host) == "0") continue;
      report.add(*pod.object.file, host->span,
                 fmt::format("{} listens on its node's port {}", words_for(pod, container),
                             text_of(host)));
    }
  }
}

}  // namespace

const Rule k8s_host_port{.id = "k8s-host-port",
                         .title = "a port of the node",
                         .severity = Severity::low,
                         .why =
                             "Whoever reaches the node reaches the pod, past every Service (Pod "
                             "Security Standards, baseline).",
                         .bad = "ports:\n  - {containerPort: 8080, hostPort: 8080}",
                         .good = "ports:\n  - {containerPort: 8080}",
                         .fix = "remove hostPort; use a Service",
                         .check = check};

}  // namespace berm::lint

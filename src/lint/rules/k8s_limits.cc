#include <fmt/format.h>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* limits = get(container.node, {"resources", "limits"});
    std::string missing;
    for (const char* key : {"cpu", "memory", "ephemeral-storage"}) {
      if (get(limits, key) == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(key);
    }
    if (missing.empty()) continue;
    const std::optional<Entry> resources = entry_of(container.node, "resources");
    Finding& found =
        report.add(*pod.object.file, resources ? resources->key->span : place_in(container, ""),
                   fmt::format("{} has no limit of {}", words_for(pod, container), missing));
    if (!pod.agent) found.persona = Persona::pedantic;
  }
}

}  // namespace

const Rule k8s_limits{
    .id = "k8s-limits",
    .title = "a container without limits",
    .severity = Severity::low,
    .why = "An agent in a loop fills its node's disk and memory; others are evicted for it.",
    .bad = "resources: {}",
    .good = "resources:\n  limits: {cpu: \"2\", memory: 4Gi, ephemeral-storage: 8Gi}",
    .fix = "set limits of cpu, memory and ephemeral-storage, and requests that are the same",
    .check = check};

}  // namespace berm::lint

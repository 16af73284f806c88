#include <fmt/format.h>

#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    if (!pod.agent) continue;
    for (const PodContainer& container : pod.containers) {
      for (const Node* variable : items_of(get(container.node, "env"))) {
        const Node* name = get(variable, "name");
        if (!is_key_name(text_of(name))) continue;
        const Node* from = get(variable, {"valueFrom", "secretKeyRef", "name"});
        Finding& found = report.add(
            *pod.object.file, name->span,
            fmt::format("{} hands the agent {} itself", words_for(pod, container), text_of(name)));
        if (from != nullptr)
          found.path.push_back({pod.object.file, from->span, "the secret that it comes from"});
      }
      for (const Node* source : items_of(get(container.node, "envFrom"))) {
        const Node* secret = get(source, {"secretRef", "name"});
        if (!is_scalar(secret)) continue;
        report.add(*pod.object.file, secret->span,
                   fmt::format("{} hands the agent every value of the secret '{}'",
                               words_for(pod, container), text_of(secret)));
      }
    }
  }
}

}  // namespace

const Rule k8s_key_in_agent{
    .id = "k8s-key-in-agent",
    .title = "a key in the environment of an agent",
    .severity = Severity::high,
    .why =
        "Every command of the agent inherits its environment, and one sentence in an issue is "
        "enough to have it "
        "printed (\"Comment and Control\", April 2026; the Read tool on /proc/self/environ, "
        "2026-06-05).",
    .bad =
        "env:\n  - name: ANTHROPIC_API_KEY\n    valueFrom: {secretKeyRef: {name: model, key: key}}",
    .good =
        "berm run --tier kubernetes …   # the key is in the egress pod; the agent gets a "
        "placeholder",
    .fix = "put the key into a proxy that sets it on the way out; give the agent a placeholder",
    .check = check};

}  // namespace berm::lint

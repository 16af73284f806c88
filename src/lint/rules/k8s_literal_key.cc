#include <fmt/format.h>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_placeholder(std::string_view value) {
  const std::string low = lower(value);
  for (const std::string_view part :
       {"placeholder", "changeme", "example", "dummy", "your-", "<", "${", "$(", "xxx", "berm-"}) {
    if (low.find(part) != std::string::npos) return true;
  }
  return value.size() < 12;
}

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    for (const Node* variable : items_of(get(container.node, "env"))) {
      const Node* value = get(variable, "value");
      if (!is_key_name(text_of(get(variable, "name"))) || !is_scalar(value)) continue;
      if (is_placeholder(text_of(value))) continue;
      report.add(
          *pod.object.file, value->span,
          fmt::format("the value of {} stands in the manifest", text_of(get(variable, "name"))));
    }
  }
}

}  // namespace

const Rule k8s_literal_key{
    .id = "k8s-literal-key",
    .title = "a key that stands in a manifest",
    .severity = Severity::critical,
    .confidence = Confidence::medium,
    .why =
        "A manifest is read by whoever may read the repository or list pods, and its history keeps "
        "it.",
    .bad = "env:\n  - name: OPENAI_API_KEY\n    value: sk-proj-…",
    .good =
        "env:\n  - name: OPENAI_API_KEY\n    valueFrom: {secretKeyRef: {name: model, key: key}}",
    .fix = "revoke it, and take it from a Secret that only a proxy mounts",
    .check = check};

}  // namespace berm::lint

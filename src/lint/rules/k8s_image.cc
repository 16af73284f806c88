#include <fmt/format.h>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* image = get(container.node, "image");
    if (!is_scalar(image) || container.image.find("@sha256:") != std::string::npos) continue;
    if (container.image.find("{{") != std::string::npos ||
        container.image.find('$') != std::string::npos)
      continue;
    const std::string_view name =
        std::string_view(container.image).substr(container.image.rfind('/') + 1);
    const bool moves = name.find(':') == std::string_view::npos || name.ends_with(":latest");
    Finding& found = report.add(*pod.object.file, image->span,
                                fmt::format("{} takes whatever '{}' is at the time",
                                            words_for(pod, container), printable(container.image)));
    if (moves) found.severity = Severity::medium;
    if (!pod.agent) found.persona = Persona::pedantic;
  }
}
}  // namespace

const Rule k8s_image{.id = "k8s-unpinned-image",
                     .title = "an image without a digest",
                     .severity = Severity::low,
                     .why =
                         "A tag is moved by whoever owns the registry, or has taken it over "
                         "(CVE-2025-30066 moved tags of an action).",
                     .bad = "image: registry.example/agent:latest",
                     .good = "image: registry.example/agent@sha256:…",
                     .fix = "name the digest; let a bot raise it",
                     .check = check};

}  // namespace berm::lint

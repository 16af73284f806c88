#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_dangerous(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "ALL",       "SYS_ADMIN",       "SYS_PTRACE",   "SYS_MODULE", "SYS_RAWIO",    "SYS_BOOT",
      "NET_ADMIN", "DAC_READ_SEARCH", "DAC_OVERRIDE", "BPF",        "SYS_CHROOT",   "MKNOD",
      "NET_RAW",   "SETUID",          "SETGID",       "SYS_TIME",   "SYS_RESOURCE", "PERFMON"};
  if (name.starts_with("CAP_")) name.remove_prefix(4);
  return std::ranges::find(kNames, name) != std::end(kNames);
}

void check(const Model& model, Report& report) {
  for (const auto& [pod, container] : model.cluster.containers) {
    const Node* capabilities = get(container.node, {"securityContext", "capabilities"});
    for (const Node* name : words_of(get(capabilities, "add"))) {
      if (!is_dangerous(text_of(name))) continue;
      report.add(*pod.object.file, name->span,
                 fmt::format("{} is given the capability {}", words_for(pod, container),
                             printable(text_of(name))));
    }
    const std::vector<const Node*> dropped = words_of(get(capabilities, "drop"));
    const bool all = std::ranges::any_of(
        dropped, [](const Node* name) { return lower(text_of(name)) == "all"; });
    if (all) continue;
    Finding& found = report.add(*pod.object.file, place_in(container, "capabilities"),
                                words_for(pod, container) + " keeps the runtime's capabilities");
    found.severity = Severity::low;
    if (!pod.agent) found.persona = Persona::pedantic;
    if (capabilities == nullptr) {
      found.fix = set_security(*pod.object.file, container, "capabilities", "{drop: [ALL]}");
    }
  }
}

}  // namespace

const Rule k8s_capabilities{
    .id = "k8s-capabilities",
    .title = "capabilities that nobody needs, or that are as good as root",
    .severity = Severity::high,
    .why =
        "Runtimes leave fourteen capabilities (NET_RAW forges packets of other pods); SYS_ADMIN "
        "and SYS_PTRACE "
        "are root by another name (Pod Security Standards, restricted: drop ALL).",
    .bad = "securityContext:\n  capabilities: {add: [SYS_ADMIN]}",
    .good = "securityContext:\n  capabilities: {drop: [ALL]}",
    .fix = "drop ALL; add none but NET_BIND_SERVICE",
    .check = check};

}  // namespace berm::lint

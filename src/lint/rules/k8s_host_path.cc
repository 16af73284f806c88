#include <fmt/format.h>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

Severity severity_of(std::string_view path) {
  for (const std::string_view socket :
       {"docker.sock", "containerd.sock", "crio.sock", "podman.sock"}) {
    if (path.ends_with(socket)) return Severity::critical;
  }
  for (const std::string_view top :
       {"/", "/etc", "/root", "/home", "/var", "/var/run", "/run", "/proc", "/sys", "/dev",
        "/var/lib/kubelet", "/var/lib/docker"}) {
    if (path == top) return Severity::critical;
  }
  return Severity::high;
}

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    for (const Node* volume : items_of(get(pod.spec, "volumes"))) {
      const Node* path = get(volume, {"hostPath", "path"});
      if (!is_scalar(path)) continue;
      const std::string& text = text_of(path);
      Finding& found = report.add(
          *pod.object.file, path->span,
          fmt::format("{} mounts '{}' of its node", words_for(pod.object), printable(text)));
      found.severity = severity_of(
          text.size() > 1 && text.ends_with('/') ? text.substr(0, text.size() - 1) : text);
    }
  }
}

}  // namespace

const Rule k8s_host_path{
    .id = "k8s-host-path",
    .title = "a directory or a socket of the node in a pod",
    .severity = Severity::high,
    .why =
        "What is written to the node outlives the pod and is read by others; a container engine's "
        "socket "
        "starts privileged containers (Pod Security Standards, baseline).",
    .bad = "volumes:\n  - name: docker\n    hostPath: {path: /var/run/docker.sock}",
    .good = "volumes:\n  - name: work\n    emptyDir: {}",
    .fix = "use an emptyDir, or a volume of the cluster",
    .check = check};

}  // namespace berm::lint

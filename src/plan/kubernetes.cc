#include "plan/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace berm {

Result<void> check_kubernetes(const Policy& policy) {
  if (policy.kubernetes.image.empty()) {
    return failure(Errc::usage, "choose an image for the agent's pod",
                   "name one that has the agent's tools: [kubernetes] image = \"NAME@sha256:…\"");
  }
  if (policy.mode == WorkspaceMode::direct || policy.mode == WorkspaceMode::worktree) {
    return failure(Errc::unsupported,
                   fmt::format("use workspace.mode = \"{}\" in a pod: the workspace travels there "
                               "as a copy",
                               spelling(policy.mode)),
                   "use --mode clone, or take another tier");
  }
  for (const std::vector<std::string>* paths : {&policy.read_paths, &policy.write_paths}) {
    if (paths->empty()) continue;
    return failure(
        Errc::unsupported,
        fmt::format("grant '{}' in a pod: it is a path of this host", printable(paths->front())),
        "put it into the image, or take another tier");
  }
  if (!policy.tools.programs_absent.empty()) {
    return failure(Errc::unsupported, "make programs absent in a pod: the image is what it is",
                   "build the image without them, or deny them by [tools] Exec(…) rules");
  }
  return {};
}

HostPath run_directory_in_pod(const std::string& run_id) {
  return *HostPath::parse("/berm/state/berm/runs/" + run_id);
}

void choose_kubernetes(Plan& plan, const Policy& policy) {
  plan.tier = TierChoice::kubernetes;
  plan.kubernetes = policy.kubernetes;
  // The egress pod answers for the names and has berm; so has the agent's, from there or by itself.
  if (plan.kubernetes->berm_image.empty()) plan.kubernetes->berm_image = policy.kubernetes.image;
  Identity& identity = plan.identity;
  identity.uid = identity.gid = identity.host_uid = identity.host_gid = kPodUid;
  plan.limits.cgroup = CgroupKind::none;  // of ours
  plan.limits.memory_by = plan.limits.cpus_by = Strength::kernel;
  // A number of processes is the node's setting (podPidsLimit), not the pod's.
  plan.limits.processes_by = Strength::supervised;
}

std::vector<LayerReport> kubernetes_layers(const Plan& plan) {
  const KubernetesPolicy& cluster = *plan.kubernetes;
  const std::string runtime =
      cluster.runtime_class.empty() ? "the cluster's runtime" : cluster.runtime_class;
  return {
      {Layer::filesystem, Strength::kernel,
       fmt::format(
           "pod of {} ({}): read-only root, copy of the workspace in an emptyDir; in it the "
           "process tier",
           cluster.image, runtime)},
      {Layer::network, Strength::kernel,
       cluster.unenforced_network
           ? "the process tier in the pod; NetworkPolicies, where the cluster enforces them"
           : "NetworkPolicy: nothing leaves the pod, which is tried before the agent starts; in it "
             "the process tier"},
      {Layer::processes, Strength::kernel, "the pod's PID namespace; in it the process tier"},
      {Layer::syscalls, Strength::kernel,
       fmt::format("seccomp {} of the node, and berm's allow-list", cluster.seccomp)},
      {Layer::privileges, Strength::kernel,
       fmt::format("Pod Security restricted: no root, no capability, no new privileges{}",
                   cluster.user_namespaces ? "; a user namespace of its own" : "")},
      {Layer::resources, Strength::supervised,
       "memory, cpus and storage by the node; processes, time and output by the supervisor"},
  };
}

std::vector<std::string> kubernetes_missing(const Plan& plan) {
  std::vector<std::string> out = {
      "kubernetes tier: the nodes' administrators and whoever may exec into the namespace's pods "
      "see the workspace, and in the egress pod the credentials"};
  if (plan.kubernetes->unenforced_network) {
    out.emplace_back(
        "kubernetes.unenforced_network: where the cluster does not enforce NetworkPolicies, only "
        "the process tier keeps the agent's pod from the network");
  }
  const EgressRules& rules = plan.egress.rules;
  if (!plan.kubernetes->cilium && rules.mode != NetworkMode::none) {
    out.emplace_back(
        "kubernetes tier: the cluster holds the egress pod to ports and public addresses; names "
        "are held by berm in it");
  }
  if (!rules.internal.empty()) {
    out.emplace_back(
        "kubernetes tier: internal names are granted, so the egress pod may connect to private "
        "addresses at their ports; which names is held by berm in it");
  }
  return out;
}

}  // namespace berm

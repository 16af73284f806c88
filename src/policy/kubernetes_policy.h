// src/policy/kubernetes_policy.h: what the policy says of a run whose agent is a pod.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace berm {

/// What holds the agent's pod: a Job, or a Sandbox of kubernetes-sigs/agent-sandbox.
enum class KubernetesWorkload : std::uint8_t { job, sandbox };

/// How the kubernetes tier runs. Names are those of objects that the cluster has.
struct KubernetesPolicy {
  std::string name_space = "berm";
  std::string image;       ///< of the agent's pod; has its tools and, without `berm_image`, berm
  std::string berm_image;  ///< has berm at /opt/berm; of the egress pod, and copied to the agent's
  std::vector<std::string> pull_secrets;
  KubernetesWorkload workload = KubernetesWorkload::job;
  std::string service_account = "berm-agent";
  std::string runtime_class;               ///< "gvisor", "kata"; "" = the cluster's own
  std::string priority_class;              ///< "" = the namespace's own
  std::string queue;                       ///< a LocalQueue of Kueue; "" = none
  std::string seccomp = "RuntimeDefault";  ///< or a profile on the nodes: "profiles/berm.json"
  bool user_namespaces = false;  ///< hostUsers: false (needs Linux 6.3 and a runtime for it)
  /// A cluster whose network lets the agent's pod out all the same may be used.
  bool unenforced_network = false;
  bool spread = true;   ///< over the nodes, where it can be
  bool cilium = false;  ///< names are held by a CiliumNetworkPolicy too
  std::map<std::string, std::string> node_selector;
  Milliseconds keep{10 * 60 * 1000};  ///< a finished Job
  bool operator==(const KubernetesPolicy&) const = default;
};

/// The same as one source says it. Absent = says nothing about it.
struct KubernetesLayer {
  std::optional<std::string> name_space;
  std::optional<std::string> image;
  std::optional<std::string> berm_image;
  std::optional<std::vector<std::string>> pull_secrets;
  std::optional<KubernetesWorkload> workload;
  std::optional<std::string> service_account;
  std::optional<std::string> runtime_class;
  std::optional<std::string> priority_class;
  std::optional<std::string> queue;
  std::optional<std::string> seccomp;
  std::optional<bool> user_namespaces;
  std::optional<bool> unenforced_network;
  std::optional<bool> spread;
  std::optional<bool> cilium;
  std::optional<std::map<std::string, std::string>> node_selector;
  std::optional<Milliseconds> keep;
  bool operator==(const KubernetesLayer&) const = default;
};

/// "NAME:TAG" or "NAME@sha256:…", with or without its registry.
/// @return Errc::invalid_policy for what is none
[[nodiscard]] Result<std::string> parse_image_name(std::string_view text);

}  // namespace berm

// src/tiers/kubernetes/object.h: the objects of a run on Kubernetes, as far as berm speaks of them.
// Names are those of the API (v1.29 to v1.35). What is not here cannot be asked for: no privileged
// container, no host path, no host network, no token of a service account.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/units.h"

namespace berm::kubernetes {

using Labels = std::map<std::string, std::string>;

/// The object whose end is this one's: the garbage collector deletes it then.
struct Owner {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool operator==(const Owner&) const = default;
};

struct Metadata {
  std::string name;
  std::string name_space;
  Labels labels;
  Labels annotations;
  std::optional<Owner> owner;
};

/// Requests and limits alike: a pod of class Guaranteed, which is evicted last.
struct Resources {
  double cpus = 0;
  Bytes memory;
  Bytes ephemeral_storage;
};

struct EmptyDir {
  Bytes size;
};
struct SecretFiles {
  std::string secret;
};
struct Volume {
  std::string name;
  std::variant<EmptyDir, SecretFiles> from;
};
struct VolumeMount {
  std::string volume;
  std::string path;
  bool read_only = false;
};

/// Always: no new privileges, no capability, a read-only root.
struct Container {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  std::optional<std::uint16_t> port;
  Resources resources;
  std::vector<VolumeMount> mounts;
};

/// Always: no token of its service account, no variables of the namespace's services, not root,
/// never restarted.
struct PodSpec {
  std::string service_account;
  std::uint32_t uid = 0;  ///< group and fsGroup too
  std::string seccomp;    ///< "RuntimeDefault", or a profile of the nodes
  bool user_namespaces = false;
  bool resolves_names = false;  ///< else its resolver is its own loopback, where nobody answers
  std::string runtime_class;
  std::string priority_class;
  std::vector<std::string> pull_secrets;
  Labels node_selector;
  Labels spread_over;  ///< pods to keep apart from, over the nodes; empty = wherever
  std::chrono::seconds deadline{0};
  std::vector<Container> init_containers;
  std::vector<Container> containers;
  std::vector<Volume> volumes;
};

struct ConfigMap {
  Metadata metadata;
  std::map<std::string, std::string> data;
};
struct Secret {
  Metadata metadata;
  std::map<std::string, std::string> data;  ///< bytes; written as base64
};
struct ServiceAccount {
  Metadata metadata;
};
struct Service {
  Metadata metadata;
  Labels selector;
  std::uint16_t port = 0;
};

struct IpBlock {
  std::string cidr;
  std::vector<std::string> except;
};
/// Pods by their labels, in namespaces by theirs; without `namespaces` in the policy's own.
struct PodPeer {
  Labels pods;
  std::optional<Labels> namespaces;
};
struct NetworkPort {
  std::string protocol = "TCP";
  std::uint16_t port = 0;
};
struct NetworkRule {
  std::vector<std::variant<PodPeer, IpBlock>> peers;
  std::vector<NetworkPort> ports;  ///< empty = any
};
/// Of both directions: what has no rule is refused.
struct NetworkPolicy {
  Metadata metadata;
  Labels pods;
  std::vector<NetworkRule> ingress;
  std::vector<NetworkRule> egress;
};

/// A name, or a pattern with '*' within labels (Cilium's FQDNSelector).
struct NamedPeer {
  std::string name;
  bool pattern = false;
  std::vector<std::uint16_t> ports;  ///< empty = any
};
/// cilium.io/v2: adds to what NetworkPolicies allow.
struct CiliumNetworkPolicy {
  Metadata metadata;
  Labels pods;
  std::vector<NamedPeer> names;
};

struct Pod {
  Metadata metadata;
  PodSpec spec;
};
struct Job {
  Metadata metadata;
  Labels pod_labels;
  PodSpec pod;
  bool suspended = false;  ///< until Kueue admits it
  std::chrono::seconds kept{0};
};
/// agents.x-k8s.io/v1beta1 of kubernetes-sigs/agent-sandbox.
struct Sandbox {
  Metadata metadata;
  Labels pod_labels;
  PodSpec pod;
  std::string shutdown_time;  ///< RFC 3339
};

using Object = std::variant<ConfigMap, ServiceAccount, NetworkPolicy, CiliumNetworkPolicy, Secret,
                            Service, Pod, Job, Sandbox>;

[[nodiscard]] nlohmann::json to_json(const Object& object);
[[nodiscard]] const Metadata& metadata_of(const Object& object);

/// Of JSON, in the block style; every string that could be read as something else is quoted.
[[nodiscard]] std::string to_yaml(const nlohmann::json& value);

}  // namespace berm::kubernetes

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "tiers/kubernetes/object.h"

namespace berm::kubernetes {
namespace {

using nlohmann::json;

json metadata_json(const Metadata& metadata) {
  json out = {{"name", metadata.name}, {"namespace", metadata.name_space}};
  if (!metadata.labels.empty()) out["labels"] = metadata.labels;
  if (!metadata.annotations.empty()) out["annotations"] = metadata.annotations;
  if (metadata.owner) {
    out["ownerReferences"] = {{{"apiVersion", metadata.owner->api_version},
                               {"kind", metadata.owner->kind},
                               {"name", metadata.owner->name},
                               {"uid", metadata.owner->uid},
                               {"blockOwnerDeletion", false}}};
  }
  return out;
}

json head(const char* api_version, const char* kind, const Metadata& metadata) {
  return {{"apiVersion", api_version}, {"kind", kind}, {"metadata", metadata_json(metadata)}};
}

json resources_json(const Resources& resources) {
  const json amounts = {
      {"cpu", fmt::format("{}m", std::llround(resources.cpus * 1000))},
      {"memory", fmt::format("{}", resources.memory.count)},
      {"ephemeral-storage", fmt::format("{}", resources.ephemeral_storage.count)}};
  return {{"requests", amounts}, {"limits", amounts}};
}

json container_json(const Container& container) {
  json env = json::array();
  for (const auto& [name, value] : container.env) env.push_back({{"name", name}, {"value", value}});
  json mounts = json::array();
  for (const VolumeMount& mount : container.mounts) {
    json one = {{"name", mount.volume}, {"mountPath", mount.path}};
    if (mount.read_only) one["readOnly"] = true;
    mounts.push_back(std::move(one));
  }
  json out = {{"name", container.name},
              {"image", container.image},
              {"imagePullPolicy", "IfNotPresent"},
              {"command", container.command},
              {"resources", resources_json(container.resources)},
              {"securityContext",
               {{"allowPrivilegeEscalation", false},
                {"readOnlyRootFilesystem", true},
                {"capabilities", {{"drop", {"ALL"}}}}}},
              // The end of the log explains a container that says nothing itself.
              {"terminationMessagePolicy", "FallbackToLogsOnError"},
              {"volumeMounts", std::move(mounts)}};
  if (!env.empty()) out["env"] = std::move(env);
  if (container.port) {
    out["ports"] = {{{"containerPort", *container.port}, {"protocol", "TCP"}}};
  }
  return out;
}

json containers_json(const std::vector<Container>& containers) {
  json out = json::array();
  for (const Container& container : containers) out.push_back(container_json(container));
  return out;
}

json volumes_json(const std::vector<Volume>& volumes) {
  json out = json::array();
  for (const Volume& volume : volumes) {
    json one = {{"name", volume.name}};
    if (const auto* directory = std::get_if<EmptyDir>(&volume.from)) {
      one["emptyDir"] = {{"sizeLimit", fmt::format("{}", directory->size.count)}};
    } else {
      // Readable by the pod's group, fsGroup: its files belong to root.
      one["secret"] = {{"secretName", std::get<SecretFiles>(volume.from).secret},
                       {"defaultMode", 0440}};
    }
    out.push_back(std::move(one));
  }
  return out;
}

json security_json(const PodSpec& pod) {
  json seccomp = {{"type", "RuntimeDefault"}};
  if (pod.seccomp != "RuntimeDefault") {
    seccomp = {{"type", "Localhost"}, {"localhostProfile", pod.seccomp}};
  }
  return {{"runAsNonRoot", true},
          {"runAsUser", pod.uid},
          {"runAsGroup", pod.uid},
          {"fsGroup", pod.uid},
          {"fsGroupChangePolicy", "OnRootMismatch"},
          {"seccompProfile", std::move(seccomp)}};
}

void add_placement(json& out, const PodSpec& pod) {
  if (!pod.runtime_class.empty()) out["runtimeClassName"] = pod.runtime_class;
  if (!pod.priority_class.empty()) out["priorityClassName"] = pod.priority_class;
  if (!pod.node_selector.empty()) out["nodeSelector"] = pod.node_selector;
  if (!pod.spread_over.empty()) {
    out["topologySpreadConstraints"] = {{{"maxSkew", 1},
                                         {"topologyKey", "kubernetes.io/hostname"},
                                         {"whenUnsatisfiable", "ScheduleAnyway"},
                                         {"labelSelector", {{"matchLabels", pod.spread_over}}}}};
  }
  for (const std::string& name : pod.pull_secrets) {
    out["imagePullSecrets"].push_back({{"name", name}});
  }
}

json pod_json(const PodSpec& pod) {
  json out = {{"serviceAccountName", pod.service_account},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"shareProcessNamespace", false},
              {"restartPolicy", "Never"},
              {"terminationGracePeriodSeconds", 30},
              {"securityContext", security_json(pod)},
              {"containers", containers_json(pod.containers)},
              {"volumes", volumes_json(pod.volumes)}};
  if (pod.user_namespaces) out["hostUsers"] = false;
  if (pod.deadline.count() > 0) out["activeDeadlineSeconds"] = pod.deadline.count();
  if (!pod.init_containers.empty()) out["initContainers"] = containers_json(pod.init_containers);
  if (!pod.resolves_names) {
    out["dnsPolicy"] = "None";
    out["dnsConfig"] = {{"nameservers", {"127.0.0.1"}}};
  }
  add_placement(out, pod);
  return out;
}

json peer_json(const std::variant<PodPeer, IpBlock>& peer) {
  if (const auto* block = std::get_if<IpBlock>(&peer)) {
    json out = {{"cidr", block->cidr}};
    if (!block->except.empty()) out["except"] = block->except;
    return {{"ipBlock", std::move(out)}};
  }
  const PodPeer& pods = std::get<PodPeer>(peer);
  json out = {{"podSelector", {{"matchLabels", pods.pods}}}};
  if (pods.namespaces) out["namespaceSelector"] = {{"matchLabels", *pods.namespaces}};
  return out;
}

json rules_json(const std::vector<NetworkRule>& rules, const char* peers_key) {
  json out = json::array();
  for (const NetworkRule& rule : rules) {
    json one = json::object();
    for (const auto& peer : rule.peers) one[peers_key].push_back(peer_json(peer));
    for (const NetworkPort& port : rule.ports) {
      one["ports"].push_back({{"protocol", port.protocol}, {"port", port.port}});
    }
    out.push_back(std::move(one));
  }
  return out;
}

json selector_json(const NamedPeer& peer) {
  return {{peer.pattern ? "matchPattern" : "matchName", peer.name}};
}

json object_json(const ConfigMap& map) {
  json out = head("v1", "ConfigMap", map.metadata);
  out["data"] = map.data;
  out["immutable"] = true;
  return out;
}
json object_json(const Secret& secret) {
  json out = head("v1", "Secret", secret.metadata);
  out["type"] = "Opaque";
  out["immutable"] = true;
  json data = json::object();
  for (const auto& [name, value] : secret.data) data[name] = base64(value);
  out["data"] = std::move(data);
  return out;
}
json object_json(const ServiceAccount& account) {
  json out = head("v1", "ServiceAccount", account.metadata);
  out["automountServiceAccountToken"] = false;
  return out;
}
json object_json(const Service& service) {
  json out = head("v1", "Service", service.metadata);
  out["spec"] = {{"selector", service.selector},
                 {"ports",
                  {{{"name", "channel"},
                    {"port", service.port},
                    {"targetPort", service.port},
                    {"protocol", "TCP"}}}}};
  return out;
}
json object_json(const NetworkPolicy& policy) {
  json out = head("networking.k8s.io/v1", "NetworkPolicy", policy.metadata);
  out["spec"] = {{"podSelector", {{"matchLabels", policy.pods}}},
                 {"policyTypes", {"Ingress", "Egress"}},
                 {"ingress", rules_json(policy.ingress, "from")},
                 {"egress", rules_json(policy.egress, "to")}};
  return out;
}
json object_json(const CiliumNetworkPolicy& policy) {
  json names = json::array();
  json egress = json::array();
  for (const NamedPeer& peer : policy.names) {
    names.push_back(selector_json(peer));
    json rule = {{"toFQDNs", {selector_json(peer)}}};
    json ports = json::array();
    for (const std::uint16_t port : peer.ports) {
      ports.push_back({{"port", fmt::format("{}", port)}, {"protocol", "TCP"}});
    }
    if (!ports.empty()) rule["toPorts"] = {{{"ports", std::move(ports)}}};
    egress.push_back(std::move(rule));
  }
  // The names alone: a rule for every name would be a tunnel.
  egress.push_back(
      {{"toEndpoints",
        {{{"matchLabels",
           {{"k8s:io.kubernetes.pod.namespace", "kube-system"}, {"k8s:k8s-app", "kube-dns"}}}}}},
       {"toPorts",
        {{{"ports", {{{"port", "53"}, {"protocol", "ANY"}}}},
          {"rules", {{"dns", std::move(names)}}}}}}});
  json out = head("cilium.io/v2", "CiliumNetworkPolicy", policy.metadata);
  out["spec"] = {{"endpointSelector", {{"matchLabels", policy.pods}}},
                 {"egress", std::move(egress)}};
  return out;
}
json object_json(const Pod& pod) {
  json out = head("v1", "Pod", pod.metadata);
  out["spec"] = pod_json(pod.spec);
  return out;
}
json object_json(const Job& job) {
  json out = head("batch/v1", "Job", job.metadata);
  json pod = pod_json(job.pod);
  out["spec"] = {{"completions", 1},
                 {"parallelism", 1},
                 {"backoffLimit", 0},  // an agent's work is not repeated by itself
                 {"podReplacementPolicy", "Failed"},
                 {"ttlSecondsAfterFinished", job.kept.count()},
                 {"template", {{"metadata", {{"labels", job.pod_labels}}}, {"spec", pod}}}};
  if (job.pod.deadline.count() > 0) {
    out["spec"]["activeDeadlineSeconds"] = job.pod.deadline.count();
  }
  if (job.suspended) out["spec"]["suspend"] = true;
  return out;
}
json object_json(const Sandbox& sandbox) {
  json out = head("agents.x-k8s.io/v1beta1", "Sandbox", sandbox.metadata);
  out["spec"] = {
      {"podTemplate",
       {{"metadata", {{"labels", sandbox.pod_labels}}}, {"spec", pod_json(sandbox.pod)}}},
      {"shutdownTime", sandbox.shutdown_time},
      {"shutdownPolicy", "Delete"}};
  return out;
}

}  // namespace

json to_json(const Object& object) {
  return std::visit([](const auto& one) { return object_json(one); }, object);
}

const Metadata& metadata_of(const Object& object) {
  return std::visit([](const auto& one) -> const Metadata& { return one.metadata; }, object);
}

}  // namespace berm::kubernetes

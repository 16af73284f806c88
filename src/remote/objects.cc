#include "remote/objects.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

Result<json> apply_one(ClusterClient& cluster, const json& object) {
  const ClusterAnswer answer = BERM_TRY(cluster.apply(api_path(object), object));
  if (answer.status != 200 && answer.status != 201) {
    const auto name = object["metadata"]["name"].get<std::string>();
    std::string fix = "'berm doctor --tier kubernetes' tells what the namespace lacks";
    const bool quota =
        answer.status == 403 && answer.message.find("exceeded quota") != std::string::npos;
    if (quota) fix = "wait until other runs have ended, ask for a larger quota, or lower [limits]";
    if (answer.status == 404 && object["kind"] == "Sandbox") {
      fix = "the cluster lacks kubernetes-sigs/agent-sandbox: install it, or workload = \"job\"";
    }
    if (answer.status == 404 && object["kind"] == "CiliumNetworkPolicy") {
      fix = "the cluster lacks Cilium: cilium = false";
    }
    const bool later = quota || answer.status == 429 || answer.status >= 500;
    return failure(
        later ? Errc::busy : Errc::denied,
        fmt::format("make the {} '{}' in the namespace '{}': {}", object["kind"].get<std::string>(),
                    name, object["metadata"]["namespace"].get<std::string>(), answer.message),
        fix);
  }
  return json::parse(answer.body, nullptr, false);
}

}  // namespace

std::string api_path(const json& object) {
  static const std::map<std::string, std::string> kPlurals = {
      {"ConfigMap", "configmaps"},
      {"ServiceAccount", "serviceaccounts"},
      {"NetworkPolicy", "networkpolicies"},
      {"CiliumNetworkPolicy", "ciliumnetworkpolicies"},
      {"Secret", "secrets"},
      {"Service", "services"},
      {"Pod", "pods"},
      {"Job", "jobs"},
      {"Sandbox", "sandboxes"}};
  const auto version = object["apiVersion"].get<std::string>();
  return fmt::format("/{}/{}/namespaces/{}/{}/{}", version == "v1" ? "api" : "apis", version,
                     object["metadata"]["namespace"].get<std::string>(),
                     kPlurals.at(object["kind"].get<std::string>()),
                     object["metadata"]["name"].get<std::string>());
}

Result<kubernetes::Owner> apply_run(ClusterClient& cluster, const Plan& plan,
                                    kubernetes::RunMaterial material) {
  const json first = kubernetes::to_json(kubernetes::run_objects(plan, material).front());
  const json made = BERM_TRY(apply_one(cluster, first));
  const bool has_uid = made.is_object() && made.contains("metadata") &&
                       made["metadata"].contains("uid") && made["metadata"]["uid"].is_string();
  if (!has_uid) return failure(Errc::denied, "understand the API server: an object without a uid");
  material.owner = {.api_version = "v1",
                    .kind = "ConfigMap",
                    .name = kubernetes::object_name(plan),
                    .uid = made["metadata"]["uid"].get<std::string>()};
  const std::vector<kubernetes::Object> objects = kubernetes::run_objects(plan, material);
  const bool queued = !plan.kubernetes->queue.empty();
  for (std::size_t i = 1; i < objects.size(); ++i) {
    if (queued && std::holds_alternative<kubernetes::Pod>(objects[i])) continue;
    BERM_TRY(apply_one(cluster, kubernetes::to_json(objects[i])));
  }
  return *material.owner;
}

Result<void> apply_egress_pod(ClusterClient& cluster, const Plan& plan,
                              const kubernetes::Owner& owner) {
  const kubernetes::RunMaterial material{.owner = owner};
  for (const kubernetes::Object& object : kubernetes::run_objects(plan, material)) {
    if (!std::holds_alternative<kubernetes::Pod>(object)) continue;
    BERM_TRY(apply_one(cluster, kubernetes::to_json(object)));
  }
  return {};
}

Result<void> remove_run(ClusterClient& cluster, const std::string& name_space,
                        const std::string& name) {
  const ClusterAnswer answer = BERM_TRY(
      cluster.remove(fmt::format("/api/v1/namespaces/{}/configmaps/{}", name_space, name)));
  if (answer.status < 300 || answer.status == 404) return {};
  return failure(Errc::denied,
                 fmt::format("delete the run's objects in the namespace '{}': {}",
                             printable(name_space), answer.message),
                 fmt::format("kubectl delete configmap -n {} {}", name_space, name));
}

}  // namespace berm

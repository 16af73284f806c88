#include "cluster/examine.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr unsigned kOk = 200;
constexpr unsigned kForbidden = 403;
constexpr unsigned kNotFound = 404;
// ValidatingAdmissionPolicy is v1 since 1.30, podReplacementPolicy beta since 1.29.
constexpr int kOldest = 29;
constexpr int kWithAdmission = 30;

json parsed(const ClusterAnswer& answer) {
  json out = json::parse(answer.body, nullptr, false);
  return out.is_object() ? out : json::object();
}

std::string text_at(const json& object, const char* path) {
  const json::json_pointer at(path);
  return object.contains(at) && object[at].is_string() ? object[at].get<std::string>() : "";
}

HealthCheck unseen(std::string name, const ClusterAnswer& answer) {
  return {std::move(name), Health::weaker, "cannot be seen by this user: " + answer.message, ""};
}

Result<HealthCheck> examine_version(ClusterClient& cluster) {
  const ClusterAnswer answer = BERM_TRY(cluster.get("/version"));
  if (answer.status == 401) {
    return failure(Errc::denied, "log in at the API server: " + answer.message,
                   "renew the kubeconfig's credential ('kubectl auth whoami' tells who you are)");
  }
  if (answer.status != kOk) return unseen("version", answer);
  const json said = parsed(answer);
  const std::string minor = text_at(said, "/minor");
  int number = 0;
  std::from_chars(minor.data(), minor.data() + minor.size(), number);
  HealthCheck out{"version", Health::good, printable(text_at(said, "/gitVersion")), ""};
  if (text_at(said, "/major") != "1" || number < kOldest) {
    out.state = Health::broken;
    out.fix = fmt::format("upgrade the cluster to 1.{} or later", kOldest);
  } else if (number < kWithAdmission) {
    out.state = Health::weaker;
    out.fix = "upgrade to 1.30: admission policies hold the submitter to runs";
  }
  return out;
}

Result<HealthCheck> examine_namespace(ClusterClient& cluster, const std::string& name) {
  const ClusterAnswer answer = BERM_TRY(cluster.get("/api/v1/namespaces/" + name));
  const std::string title = "namespace " + name;
  if (answer.status == kNotFound) {
    return HealthCheck{title, Health::broken, "there is none",
                       "kubectl apply -k packaging/kubernetes/base"};
  }
  if (answer.status != kOk) return unseen(title, answer);
  const json said = parsed(answer);
  const std::string enforced =
      text_at(said, "/metadata/labels/pod-security.kubernetes.io~1enforce");
  if (enforced != "restricted") {
    return HealthCheck{title, Health::weaker,
                       enforced.empty() ? "enforces no Pod Security"
                                        : "enforces Pod Security " + printable(enforced),
                       fmt::format("kubectl label namespace {} "
                                   "pod-security.kubernetes.io/enforce=restricted",
                                   name)};
  }
  if (text_at(said, "/metadata/labels/berm.dev~1runs") != "true") {
    return HealthCheck{title, Health::weaker,
                       "enforces Pod Security restricted; berm's admission policies pass it over",
                       fmt::format("kubectl label namespace {} berm.dev/runs=true", name)};
  }
  return HealthCheck{title, Health::good,
                     "enforces Pod Security restricted, and berm's admission policies look at it",
                     ""};
}

Result<bool> may(ClusterClient& cluster, const std::string& name, const ClusterRight& right) {
  const json question = {{"apiVersion", "authorization.k8s.io/v1"},
                         {"kind", "SelfSubjectAccessReview"},
                         {"spec",
                          {{"resourceAttributes",
                            {{"namespace", name},
                             {"verb", right.verb},
                             {"group", right.group},
                             {"resource", right.resource},
                             {"subresource", right.subresource}}}}}};
  const ClusterAnswer answer =
      BERM_TRY(cluster.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", question));
  if (answer.status != 201) {
    return failure(Errc::denied, "ask what this user may do: " + answer.message);
  }
  const json said = parsed(answer);
  const json::json_pointer allowed("/status/allowed");
  return said.contains(allowed) && said[allowed] == true;
}

std::string text_of(const ClusterRight& right) {
  return fmt::format("{} {}{}{}", right.verb, right.resource, right.subresource.empty() ? "" : "/",
                     right.subresource);
}

Result<std::string> those(ClusterClient& cluster, const std::string& name, bool allowed,
                          const std::vector<ClusterRight>& rights) {
  std::string out;
  for (const ClusterRight& right : rights) {
    if (BERM_TRY(may(cluster, name, right)) != allowed) continue;
    out += (out.empty() ? "" : ", ") + text_of(right);
  }
  return out;
}

Result<std::vector<HealthCheck>> examine_rights(ClusterClient& cluster, const std::string& name) {
  const std::string missing = BERM_TRY(those(cluster, name, false, rights_needed()));
  const std::string many = BERM_TRY(those(cluster, name, true, rights_too_many()));
  std::vector<HealthCheck> out;
  out.push_back(missing.empty()
                    ? HealthCheck{"rights", Health::good, "all that starting runs takes", ""}
                    : HealthCheck{"rights", Health::broken, "lacks: " + missing,
                                  "bind this user to the Role berm-submitter of the namespace"});
  if (!many.empty()) {
    out.push_back({"rights beyond", Health::weaker, "has: " + many,
                   "start runs as a user with the Role berm-submitter alone: whoever takes over "
                   "berm outside the sandbox has these too"});
  }
  return out;
}

Result<HealthCheck> examine_quota(ClusterClient& cluster, const std::string& name) {
  const ClusterAnswer answer =
      BERM_TRY(cluster.get(fmt::format("/api/v1/namespaces/{}/resourcequotas", name)));
  if (answer.status != kOk) return unseen("quota", answer);
  const json items = parsed(answer).value("items", json::array());
  std::string found;
  for (const json& quota : items) {
    const std::string used = text_at(quota, "/status/used/pods");
    const std::string hard = text_at(quota, "/status/hard/pods");
    if (!hard.empty()) {
      found += fmt::format("{}{} of {} pods used", found.empty() ? "" : "; ",
                           printable(used.empty() ? "0" : used), printable(hard));
    }
  }
  if (!found.empty()) return HealthCheck{"quota", Health::good, found, ""};
  return HealthCheck{"quota", Health::weaker, "no number of pods is set",
                     "give the namespace a ResourceQuota (packaging/kubernetes/base/quota.yaml)"};
}

Result<HealthCheck> examine_kind(ClusterClient& cluster, std::string name, const std::string& path,
                                 const char* fix) {
  const ClusterAnswer answer = BERM_TRY(cluster.get(path));
  if (answer.status == kForbidden) return unseen(std::move(name), answer);
  if (answer.status == kOk) return HealthCheck{std::move(name), Health::good, "there", ""};
  return HealthCheck{std::move(name), Health::broken, "the cluster has none", fix};
}

}  // namespace

const std::vector<ClusterRight>& rights_needed() {
  static const std::vector<ClusterRight> kNeeded = [] {
    std::vector<ClusterRight> out;
    const auto add = [&](const char* group, const char* resource, const char* subresource,
                         std::initializer_list<const char*> verbs) {
      for (const char* verb : verbs) out.push_back({verb, group, resource, subresource});
    };
    add("", "configmaps", "", {"create", "patch", "get", "list", "delete"});
    add("", "secrets", "", {"create", "patch"});
    add("", "services", "", {"create", "patch"});
    add("", "pods", "", {"create", "patch", "get", "list", "watch"});
    add("", "pods", "log", {"get"});
    add("", "pods", "portforward", {"create", "get"});
    add("", "resourcequotas", "", {"get", "list"});
    add("networking.k8s.io", "networkpolicies", "", {"create", "patch"});
    add("batch", "jobs", "", {"create", "patch", "get", "list", "watch"});
    return out;
  }();
  return kNeeded;
}

const std::vector<ClusterRight>& rights_too_many() {
  static const std::vector<ClusterRight> kTooMany = {
      {"get", "", "secrets", ""},
      {"list", "", "secrets", ""},
      {"create", "", "pods", "exec"},
      {"create", "", "serviceaccounts", "token"},
      {"create", "rbac.authorization.k8s.io", "rolebindings", ""}};
  return kTooMany;
}

Result<std::vector<HealthCheck>> examine_cluster(ClusterClient& cluster,
                                                 const KubernetesPolicy& policy) {
  const std::string& name = policy.name_space;
  std::vector<HealthCheck> out = {BERM_TRY(examine_version(cluster))};
  out.push_back(BERM_TRY(examine_namespace(cluster, name)));
  for (HealthCheck& check : BERM_TRY(examine_rights(cluster, name))) {
    out.push_back(std::move(check));
  }
  out.push_back(BERM_TRY(examine_quota(cluster, name)));
  if (!policy.runtime_class.empty()) {
    out.push_back(
        BERM_TRY(examine_kind(cluster, "runtime class " + policy.runtime_class,
                              "/apis/node.k8s.io/v1/runtimeclasses/" + policy.runtime_class,
                              "install it on the nodes, or leave kubernetes.runtime_class out")));
  }
  if (policy.workload == KubernetesWorkload::sandbox) {
    out.push_back(BERM_TRY(examine_kind(cluster, "agent-sandbox", "/apis/agents.x-k8s.io/v1beta1",
                                        "install kubernetes-sigs/agent-sandbox, or use "
                                        "workload = \"job\"")));
  }
  if (policy.cilium) {
    out.push_back(
        BERM_TRY(examine_kind(cluster, "Cilium", "/apis/cilium.io/v2",
                              "leave kubernetes.cilium out: nothing reads its policies")));
  }
  out.push_back({"network policies", Health::weaker,
                 "whether the cluster's network enforces them was not tried",
                 "ask who runs it; this version starts no probe pods"});
  return out;
}

}  // namespace berm

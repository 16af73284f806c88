#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool has(const Node* rule, const char* key, std::initializer_list<std::string_view> words) {
  for (const Node* word : words_of(get(rule, key))) {
    if (std::ranges::find(words, text_of(word)) != words.end()) return true;
  }
  return false;
}

// What a right is as good as; "" = nothing much.
std::string worth(const Node* rule) {
  const bool any_verb = has(rule, "verbs", {"*"});
  if (any_verb && has(rule, "resources", {"*"})) return "everything";
  if (has(rule, "verbs", {"bind", "escalate", "impersonate"})) return "any right that others have";
  const bool writes = any_verb || has(rule, "verbs", {"create", "patch", "update"});
  const bool reads = any_verb || has(rule, "verbs", {"get", "list", "watch"});
  if (reads && has(rule, "resources", {"secrets", "*"})) return "all secrets";
  if (writes && has(rule, "resources",
                    {"pods/exec", "pods/attach", "pods/ephemeralcontainers", "nodes/proxy"})) {
    return "a shell in other pods";
  }
  if (writes && has(rule, "resources", {"serviceaccounts/token"})) return "other accounts' tokens";
  if (writes && has(rule, "resources", {"pods", "deployments", "jobs", "daemonsets", "cronjobs"})) {
    return "pods with any service account of the namespace";
  }
  return "";
}

const KubernetesObject* role_of(const Model& model, const KubernetesObject& binding) {
  const std::string& kind = text_of(get(binding.node, {"roleRef", "kind"}));
  const std::string& name = text_of(get(binding.node, {"roleRef", "name"}));
  for (const KubernetesObject& object : model.cluster.objects) {
    if (object.kind == kind && object.name == name) return &object;
  }
  return nullptr;
}

bool names(const KubernetesObject& binding, const std::string& account) {
  for (const Node* subject : items_of(get(binding.node, "subjects"))) {
    if (text_of(get(subject, "kind")) == "ServiceAccount" &&
        text_of(get(subject, "name")) == account)
      return true;
  }
  return false;
}

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    if (!pod.agent) continue;
    const Node* account = get(pod.spec, "serviceAccountName");
    const std::string name = account == nullptr ? "default" : text_of(account);
    for (const KubernetesObject& binding : model.cluster.objects) {
      if (!binding.kind.ends_with("RoleBinding") || !names(binding, name)) continue;
      const KubernetesObject* role = role_of(model, binding);
      if (role == nullptr) continue;
      for (const Node* rule : items_of(get(role->node, "rules"))) {
        const std::string what = worth(rule);
        if (what.empty()) continue;
        Finding& found =
            report.add(*role->file, rule->span,
                       fmt::format("the agent of {} may use {}", words_for(pod.object), what));
        found.path = {{pod.object.file, account == nullptr ? pod.object.span : account->span,
                       "the agent's account"},
                      {binding.file, binding.span, "is bound here"},
                      {role->file, rule->span, "to this right"}};
      }
    }
  }
}

}  // namespace

const Rule k8s_rbac{
    .id = "k8s-rbac",
    .title = "an agent whose account has rights in the cluster",
    .severity = Severity::critical,
    .why =
        "Whoever may start pods, read secrets or open a shell in a pod has every account of the "
        "namespace "
        "(kubernetes.io: RBAC good practices); an agent does what the text that it reads says.",
    .bad = "kind: Role\nrules:\n  - {apiGroups: [\"\"], resources: [secrets], verbs: [get, list]}",
    .good = "# no RoleBinding names the agent's service account",
    .fix = "bind nothing to the agent's account, and mount no token",
    .check = check};

}  // namespace berm::lint

#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool selects(const KubernetesObject& policy, const Pod& pod) {
  if (policy.name_space != pod.object.name_space) return false;
  const Node* selector = get(policy.node, {"spec", "podSelector"});
  if (!items_of(get(selector, "matchExpressions")).empty()) return true;  // not followed: may be
  const std::vector<Entry> wanted = entries_of(get(selector, "matchLabels"));
  return std::ranges::all_of(wanted, [&](const Entry& label) {
    const auto found = pod.labels.find(text_of(label.key));
    return found != pod.labels.end() && found->second == text_of(label.value);
  });
}

bool holds_egress(const KubernetesObject& policy) {
  for (const Node* type : words_of(get(policy.node, {"spec", "policyTypes"}))) {
    if (text_of(type) == "Egress") return true;
  }
  return get(policy.node, {"spec", "egress"}) != nullptr;
}

// A rule that allows every address: no "to", or the whole of IPv4 or IPv6.
const Node* open_rule(const KubernetesObject& policy) {
  for (const Node* rule : items_of(get(policy.node, {"spec", "egress"}))) {
    const std::vector<const Node*> peers = items_of(get(rule, "to"));
    if (peers.empty()) return rule;
    for (const Node* peer : peers) {
      const Node* block = get(peer, {"ipBlock", "cidr"});
      if ((text_of(block) == "0.0.0.0/0" || text_of(block) == "::/0") &&
          items_of(get(peer, {"ipBlock", "except"})).empty()) {
        return block;
      }
    }
  }
  return nullptr;
}

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    if (!pod.agent) continue;
    bool held = false;
    for (const KubernetesObject& policy : model.cluster.objects) {
      if (policy.kind != "NetworkPolicy" || !holds_egress(policy) || !selects(policy, pod))
        continue;
      held = true;
      const Node* open = open_rule(policy);
      if (open == nullptr) continue;
      Finding& found = report.add(*policy.file, open->span,
                                  fmt::format("{} lets the agent of {} reach every address",
                                              words_for(policy), words_for(pod.object)));
      found.path.push_back({pod.object.file, pod.object.span, "the agent's pod"});
    }
    if (held) continue;
    Finding& found = report.add(
        *pod.object.file, pod.object.span,
        "no NetworkPolicy here keeps the agent of " + words_for(pod.object) + " from the network");
    found.confidence = Confidence::medium;  // it may be somewhere else
    if (pod.holds_key) found.severity = Severity::high;
  }
}

}  // namespace

const Rule k8s_egress{
    .id = "k8s-egress",
    .title = "an agent's pod that reaches everything",
    .severity = Severity::medium,
    .why =
        "What an agent reads it can send: without an allow-list any host takes it, the metadata "
        "service of the "
        "cloud among them. Policies add up: one that allows 0.0.0.0/0 undoes the others.",
    .bad = "kind: NetworkPolicy\nspec:\n  podSelector: {}\n  egress: [{}]",
    .good =
        "kind: NetworkPolicy\nspec:\n  podSelector: {matchLabels: {app: agent}}\n  policyTypes: "
        "[Egress]\n  egress:\n    - to: [{podSelector: {matchLabels: {app: egress-proxy}}}]",
    .fix = "let the agent's pod reach one proxy, and hold that to names",
    .check = check};

}  // namespace berm::lint

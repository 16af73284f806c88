#include <fmt/format.h>

#include <algorithm>

#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

const KubernetesObject* account_of(const Model& model, const Pod& pod) {
  const Node* name = get(pod.spec, "serviceAccountName");
  for (const KubernetesObject& object : model.cluster.objects) {
    if (object.kind == "ServiceAccount" && object.name == text_of(name) &&
        object.name_space == pod.object.name_space) {
      return &object;
    }
  }
  return nullptr;
}

void check(const Model& model, Report& report) {
  for (const Pod& pod : model.cluster.pods) {
    if (!pod.agent) continue;
    const Node* mounts = get(pod.spec, "automountServiceAccountToken");
    if (is_false(mounts)) continue;
    const KubernetesObject* account = account_of(model, pod);
    if (mounts == nullptr && account != nullptr &&
        is_false(get(account->node, "automountServiceAccountToken")))
      continue;
    const Node* name = get(pod.spec, "serviceAccountName");
    Finding& found =
        report.add(*pod.object.file,
                   mounts != nullptr ? mounts->span
                   : name != nullptr ? name->span
                                     : pod.object.span,
                   words_for(pod.object) + " gives its agent a token for the cluster's API");
    found.fix = mounts != nullptr
                    ? Fix{"automountServiceAccountToken: false", false, {{mounts->span, "false"}}}
                    : Fix{"automountServiceAccountToken: false",
                          false,
                          {insert_entry(*pod.object.file, pod.spec,
                                        "automountServiceAccountToken: false")}};
  }
}

}  // namespace

const Rule k8s_service_account_token{
    .id = "k8s-service-account-token",
    .title = "an agent's pod with a token for the cluster's API",
    .severity = Severity::high,
    .why =
        "The token lies in /var/run/secrets, where every command of the agent reads it; with a "
        "Role that "
        "reads secrets or starts pods it is the way out of the pod.",
    .bad = "spec:\n  serviceAccountName: agent",
    .good = "spec:\n  serviceAccountName: agent\n  automountServiceAccountToken: false",
    .fix = "set automountServiceAccountToken: false",
    .check = check};

}  // namespace berm::lint

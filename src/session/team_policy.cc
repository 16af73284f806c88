#include "session/team_policy.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cluster/client.h"

namespace berm {
namespace {

using nlohmann::json;

Result<std::optional<std::string>> ask(const std::string& name_space) {
  ClusterClient cluster = BERM_TRY(ClusterClient::open(""));
  // A server that cannot be reached at all is not waited for.
  cluster.set_patience(std::chrono::seconds(3));
  const ClusterAnswer answer = BERM_TRY(
      cluster.get(fmt::format("/api/v1/namespaces/{}/configmaps/{}", name_space, kTeamConfigMap)));
  if (answer.status == 404) return std::optional<std::string>();
  if (answer.status != 200) {
    const bool later = answer.status == 429 || answer.status >= 500;
    return failure(later ? Errc::busy : Errc::denied,
                   fmt::format("look for the policy of the namespace '{}' (ConfigMap {}): {}",
                               printable(name_space), kTeamConfigMap, answer.message),
                   "whoever submits runs may get ConfigMaps there: bind the Role berm-submitter");
  }
  const json object = json::parse(answer.body, nullptr, false);
  const json data = object.is_object() && object.contains("data") ? object["data"] : json();
  // An empty one may be a mistake; it is not "everything is allowed".
  if (!data.is_object() || !data.contains(kTeamKey) || !data[kTeamKey].is_string()) {
    return failure(Errc::invalid_policy,
                   fmt::format("the ConfigMap {} of the namespace '{}' has no '{}'", kTeamConfigMap,
                               printable(name_space), kTeamKey));
  }
  return std::optional(data[kTeamKey].get<std::string>());
}

}  // namespace

TeamPolicy team_policy_of_cluster() { return ask; }

}  // namespace berm

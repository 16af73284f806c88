#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
#include "cluster/examine.h"

namespace berm {

using nlohmann::json;

int doctor_cluster(const ClusterCheck& wanted) {
  Result<ClusterClient> cluster = ClusterClient::open(wanted.context);
  if (cluster) cluster->set_patience(std::chrono::seconds(1));
  if (!cluster) return fail(cluster.error());
  KubernetesPolicy policy = wanted.policy;
  if (policy.name_space.empty()) policy.name_space = cluster->name_space();
  if (policy.name_space.empty()) policy.name_space = KubernetesPolicy{}.name_space;
  const Result<std::vector<HealthCheck>> checks = examine_cluster(*cluster, policy);
  if (!checks) return fail(checks.error());
  bool can_run = true;
  json rows = json::array();
  for (const HealthCheck& check : *checks) {
    can_run = can_run && check.state != Health::broken;
    rows.push_back({{"name", check.name},
                    {"state", name_of(check.state)},
                    {"found", check.found},
                    {"fix", check.fix}});
    if (wanted.as_json) continue;
    const char* mark = check.state == Health::good     ? "ok  "
                       : check.state == Health::weaker ? "weak"
                                                       : "FAIL";
    put(fmt::format("{}  {:<22} {}\n", mark, check.name, check.found));
    if (!check.fix.empty()) put(fmt::format("      fix: {}\n", check.fix));
  }
  if (wanted.as_json) {
    put_json({{"schema", "berm.doctor.cluster/1"},
              {"server", cluster->server()},
              {"namespace", policy.name_space},
              {"checks", std::move(rows)},
              {"ready", can_run}});
  }
  return can_run ? kDone : kNo;
}

}  // namespace berm

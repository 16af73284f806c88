#include "host/tier_matrix.h"

#include "plan/ladder.h"
#include "plan/make_plan.h"
#include "plan/microvm.h"
#include "plan/process.h"

namespace berm {
namespace {

std::string fix_of(const LayerReport& layer, const HostFacts& host) {
  if (layer.strength == Strength::kernel) return "";
  if (layer.layer == Layer::resources && host.cgroup == CgroupKind::none) {
    return "give the user a systemd manager (loginctl enable-linger), or run inside 'systemd-run "
           "--user --scope -p Delegate=yes'";
  }
  if (layer.layer == Layer::processes) return "boot Linux 6.12 or later (Landlock ABI 6)";
  if (layer.layer == Layer::network) return "boot Linux 6.7 or later (Landlock ABI 4)";
  return "take another tier";
}

// A run like any other, of nothing in particular.
Result<Plan> plan_of(TierChoice tier, const HostFacts& host) {
  const HostPath directory = *HostPath::parse("/var/lib/berm/runs/r-00000000-00000000");
  RepositoryFacts repository{.root = *HostPath::parse("/srv/repository"),
                             .git_dir = *HostPath::parse("/srv/repository/.git"),
                             .common_dir = *HostPath::parse("/srv/repository/.git")};
  repository.owner = host.uid;
  // As root, a uid above every range that distributions hand out, another one for each run.
  const std::uint32_t uid = host.uid == 0 ? 0x70000000 : host.uid;
  const RunPlace place{.id = "r-00000000-00000000",
                       .directory = directory,
                       .init = *HostPath::parse("/usr/libexec/berm/berm-init"),
                       .run_uid = uid,
                       .run_gid = host.uid == 0 ? uid : host.gid};
  AgentFacts agent;
  agent.argv = {"true"};
  Policy policy = with_tier(Policy{}, tier);
  policy.microvm.emulation = true;  // whether it can be had at all; its price stands in the layers
  return make_plan(policy, host, repository, agent, place, {});
}

}  // namespace

std::vector<TierRow> tier_matrix(const HostFacts& host) {
  std::vector<TierRow> rows;
  for (const TierChoice tier :
       {TierChoice::process, TierChoice::namespaces, TierChoice::container, TierChoice::microvm}) {
    TierRow& row = rows.emplace_back();
    row.tier = tier;
    const Result<Plan> plan = plan_of(tier, host);
    if (!plan) {
      row.unavailable = plan.error().what;
      row.fix = plan.error().fix;
      continue;
    }
    for (const LayerReport& layer : plan->layers)
      row.layers.push_back({layer, fix_of(layer, host)});
    if (tier == TierChoice::process) row.missing = process_missing(*plan);
    if (tier != TierChoice::microvm) continue;
    row.missing = microvm_missing(*plan);
    if (!plan->microvm->kvm) {
      row.fix =
          "for KVM: " + host.microvm.kvm_unfit + "; without it, accept the slowness with --emulate";
    }
  }
  return rows;
}

}  // namespace berm

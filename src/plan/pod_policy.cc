#include "plan/pod_policy.h"

namespace berm {
namespace {

PolicyLayer::Tools tools_of(const ToolPolicy& tools) {
  return {.rules = tools.rules,
          .packs = tools.packs,
          .on_match = tools.on_match,
          .on_unclear = tools.on_unclear,
          .otherwise = tools.otherwise,
          .prompts = tools.prompts,
          .bypass_permissions = tools.bypass_permissions,
          .unhooked = tools.unhooked,
          .on_anomaly = tools.on_anomaly,
          .repeated_failures = tools.repeated_failures,
          .exec_rate = tools.exec_rate,
          .call_rate = tools.call_rate,
          .request_rate = tools.request_rate,
          .output_rate = tools.output_rate};
}

PolicyLayer::Limits limits_of(const Policy& policy) {
  PolicyLayer::Limits out = {.memory = policy.memory,
                             .cpus = policy.cpus,
                             .processes = policy.processes,
                             .open_files = policy.open_files,
                             .time = policy.time,
                             .idle = policy.idle,
                             .disk = policy.disk,
                             .output = policy.output,
                             .tokens = policy.model_budget.tokens,
                             .cost = policy.model_budget.cost,
                             .requests = policy.model_budget.requests,
                             .token_rate = policy.model_budget.token_rate,
                             .on_token_rate = policy.model_budget.on_token_rate};
  if (policy.idle.count() == 0) out.idle.reset();
  return out;
}

}  // namespace

PolicyLayer pod_policy(const Policy& policy, const std::map<std::string, std::string>& passed) {
  PolicyLayer out;
  out.profile = policy.profile;
  out.tier = TierChoice::process;
  out.require = std::vector<Requirement>();
  out.workspace.mode = WorkspaceMode::clone;
  out.workspace.write = policy.write;
  out.workspace.git = policy.git;
  out.workspace.on_success = OnSuccess{};
  out.changes.allow = policy.allow_changes;
  out.changes.protect = policy.protect;
  out.changes.max_files = policy.max_files;
  out.changes.max_size = policy.max_size;
  out.changes.secrets = policy.secrets;
  out.env.set = passed;
  for (const auto& [name, value] : policy.env_set) out.env.set[name] = value;
  out.network = {.mode = policy.network,
                 .allow = policy.allow_hosts,
                 .deny = policy.deny_hosts,
                 .internal = policy.internal_hosts,
                 .opaque = policy.opaque_hosts,
                 .rules = policy.network_rules,
                 .budget = policy.network_budget,
                 .per_host = policy.network_per_host};
  out.credentials = policy.credentials;
  out.limits = limits_of(policy);
  out.tools = tools_of(policy.tools);
  return out;
}

}  // namespace berm

#include "policy/merge.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/merge_audit.h"
#include "policy/merge_network.h"
#include "policy/merge_tools.h"
#include "policy/merge_values.h"

namespace berm {
namespace {

template <class T>
void replace(T& target, const std::optional<T>& value) {
  if (value) target = *value;
}

constexpr ProtectClass kAllClasses[] = {
    ProtectClass::ci,    ProtectClass::git,      ProtectClass::agent,     ProtectClass::editor,
    ProtectClass::shell, ProtectClass::packages, ProtectClass::ownership,
};
constexpr Layer kEveryLayer[] = {Layer::filesystem, Layer::network,    Layer::processes,
                                 Layer::syscalls,   Layer::privileges, Layer::resources};

Policy built_in_policy() {
  Policy policy;
  for (const Layer layer : kEveryLayer) policy.require.push_back({.layer = layer, .kernel = false});
  policy.protect.assign(std::begin(kAllClasses), std::end(kAllClasses));
  policy.write = {*Glob::parse("**")};
  policy.allow_changes = policy.write;
  return policy;
}

void overlay_models(ModelBudget& budget, const PolicyLayer::Limits& limits) {
  if (limits.tokens) budget.tokens = limits.tokens;
  if (limits.cost) budget.cost = limits.cost;
  if (limits.requests) budget.requests = limits.requests;
  if (limits.token_rate) budget.token_rate = limits.token_rate;
  replace(budget.on_token_rate, limits.on_token_rate);
}

void overlay_kubernetes(KubernetesPolicy& policy, const KubernetesLayer& layer) {
  replace(policy.name_space, layer.name_space);
  replace(policy.image, layer.image);
  replace(policy.berm_image, layer.berm_image);
  replace(policy.pull_secrets, layer.pull_secrets);
  replace(policy.workload, layer.workload);
  replace(policy.service_account, layer.service_account);
  replace(policy.runtime_class, layer.runtime_class);
  replace(policy.priority_class, layer.priority_class);
  replace(policy.queue, layer.queue);
  replace(policy.seccomp, layer.seccomp);
  replace(policy.user_namespaces, layer.user_namespaces);
  replace(policy.unenforced_network, layer.unenforced_network);
  replace(policy.spread, layer.spread);
  replace(policy.cilium, layer.cilium);
  replace(policy.node_selector, layer.node_selector);
  replace(policy.keep, layer.keep);
}

void overlay(Policy& policy, const PolicyLayer& layer) {
  replace(policy.profile, layer.profile);
  if (layer.tier && *layer.tier != TierChoice::automatic) policy.tier = *layer.tier;
  replace(policy.require, layer.require);
  replace(policy.mode, layer.workspace.mode);
  replace(policy.ref, layer.workspace.ref);
  if (layer.workspace.write) {
    policy.write = *layer.workspace.write;
    policy.allow_changes = policy.write;  // documented default of [changes] allow
  }
  add(policy.hide, layer.workspace.hide);
  replace(policy.git, layer.workspace.git);
  replace(policy.on_success, layer.workspace.on_success);
  replace(policy.allow_changes, layer.changes.allow);
  replace(policy.protect, layer.changes.protect);
  replace(policy.max_files, layer.changes.max_files);
  replace(policy.max_size, layer.changes.max_size);
  replace(policy.secrets, layer.changes.secrets);
  add(policy.read_paths, layer.files.read);
  add(policy.write_paths, layer.files.write);
  add(policy.env_pass, layer.env.pass);
  for (const auto& [name, value] : layer.env.set) policy.env_set[name] = value;
  overlay_network(policy, layer);
  for (const auto& [name, grant] : layer.credentials) policy.credentials[name] = grant;
  replace(policy.memory, layer.limits.memory);
  replace(policy.cpus, layer.limits.cpus);
  replace(policy.processes, layer.limits.processes);
  replace(policy.open_files, layer.limits.open_files);
  replace(policy.time, layer.limits.time);
  replace(policy.idle, layer.limits.idle);
  replace(policy.disk, layer.limits.disk);
  replace(policy.output, layer.limits.output);
  overlay_models(policy.model_budget, layer.limits);
  overlay_tools(policy.tools, layer.tools);
  overlay_audit(policy.audit, layer.audit);
  replace(policy.container.engine, layer.container.engine);
  replace(policy.container.runtime, layer.container.runtime);
  replace(policy.container.image, layer.container.image);
  replace(policy.microvm.vmm, layer.microvm.vmm);
  replace(policy.microvm.emulation, layer.microvm.emulation);
  replace(policy.microvm.containers, layer.microvm.containers);
  overlay_kubernetes(policy.kubernetes, layer.kubernetes);
}

void tighten_models(ModelBudget& budget, const PolicyLayer::Limits& ceiling,
                    std::vector<std::string>& notes) {
  const auto number = [](auto n) { return fmt::format("{}", n); };
  lower_budget(budget.tokens, ceiling.tokens, "limits.tokens", number, notes);
  lower_budget(budget.cost, ceiling.cost, "limits.cost", number, notes);
  lower_budget(budget.requests, ceiling.requests, "limits.requests", number, notes);
  lower_budget(budget.token_rate, ceiling.token_rate, "limits.token_rate", number, notes);
  replace(budget.on_token_rate, ceiling.on_token_rate);
}

void tighten(Policy& policy, const PolicyLayer& ceiling, std::vector<std::string>& notes) {
  const auto bytes = [](Bytes b) { return to_text(b); };
  const auto time = [](Milliseconds t) { return to_text(t); };
  const auto number = [](auto n) { return fmt::format("{}", n); };
  lower_to(policy.memory, ceiling.limits.memory, "limits.memory", bytes, notes);
  lower_to(policy.cpus, ceiling.limits.cpus, "limits.cpus", number, notes);
  lower_to(policy.processes, ceiling.limits.processes, "limits.processes", number, notes);
  lower_to(policy.open_files, ceiling.limits.open_files, "limits.open_files", number, notes);
  lower_to(policy.time, ceiling.limits.time, "limits.time", time, notes);
  if (policy.idle.count() == 0) replace(policy.idle, ceiling.limits.idle);
  lower_to(policy.idle, ceiling.limits.idle, "limits.idle", time, notes);
  lower_to(policy.disk, ceiling.limits.disk, "limits.disk", bytes, notes);
  lower_to(policy.output, ceiling.limits.output, "limits.output", bytes, notes);
  tighten_models(policy.model_budget, ceiling.limits, notes);
  lower_to(policy.max_files, ceiling.changes.max_files, "changes.max_files", number, notes);
  lower_to(policy.max_size, ceiling.changes.max_size, "changes.max_size", bytes, notes);
  if (ceiling.changes.secrets == SecretsAction::refuse) policy.secrets = SecretsAction::refuse;
  add(policy.hide, ceiling.workspace.hide);
  add(policy.protect, ceiling.changes.protect);
  add(policy.require, ceiling.require);
  tighten_network(policy, ceiling, notes);
  tighten_tools(policy.tools, ceiling.tools, notes);
  tighten_audit(policy.audit, ceiling.audit, notes);
  // Which image, runtime or monitor holds the agent is the ceiling's to say.
  replace(policy.container.engine, ceiling.container.engine);
  replace(policy.container.runtime, ceiling.container.runtime);
  replace(policy.container.image, ceiling.container.image);
  replace(policy.microvm.vmm, ceiling.microvm.vmm);
  if (ceiling.microvm.emulation == false) policy.microvm.emulation = false;
  if (ceiling.microvm.containers == false) policy.microvm.containers = false;
  overlay_kubernetes(policy.kubernetes, ceiling.kubernetes);
}

bool path_is_covered(const std::vector<std::string>& outer, const std::string& path) {
  return std::ranges::any_of(
      outer, [&](const std::string& root) { return path == root || path.starts_with(root + "/"); });
}

// The first grant beyond the ceiling in words, or "".
std::string first_excess(const Policy& policy, const PolicyLayer& ceiling) {
  if (ceiling.workspace.mode && policy.mode > *ceiling.workspace.mode) {
    return fmt::format("workspace.mode = \"{}\"", spelling(policy.mode));
  }
  if (ceiling.workspace.git && policy.git > *ceiling.workspace.git) {
    return fmt::format("workspace.git = \"{}\"", spelling(policy.git));
  }
  if (ceiling.profile && policy.profile != AgentKind::none && policy.profile != *ceiling.profile) {
    return fmt::format("profile = \"{}\"", spelling(policy.profile));
  }
  if (ceiling.tier && *ceiling.tier != TierChoice::automatic && policy.tier < *ceiling.tier) {
    return fmt::format("tier = \"{}\"", spelling(policy.tier));
  }
  if (ceiling.workspace.on_success && policy.on_success != OnSuccess{} &&
      policy.on_success != *ceiling.workspace.on_success) {
    return "another workspace.on_success";
  }
  for (const auto& [name, value] : policy.env_set) {
    if (ceiling.env.pass && std::ranges::find(*ceiling.env.pass, name) == ceiling.env.pass->end()) {
      return "env.set: " + name;
    }
  }
  return "";
}

std::string first_excess_in_lists(const Policy& policy, const PolicyLayer& ceiling) {
  const auto glob_excess = [](const std::optional<std::vector<Glob>>& outer,
                              const std::vector<Glob>& inner, std::string_view key) -> std::string {
    for (const Glob& glob : inner) {
      if (!outer) return "";
      const bool ok = std::ranges::any_of(*outer, [&](const Glob& o) { return covers(o, glob); });
      if (!ok) return fmt::format("{}: \"{}\"", key, glob.str());
    }
    return "";
  };
  std::string excess = glob_excess(ceiling.workspace.write, policy.write, "workspace.write");
  // Without a word of its own on changes, what may be written bounds what may be imported.
  const auto& allow = ceiling.changes.allow ? ceiling.changes.allow : ceiling.workspace.write;
  if (excess.empty()) excess = glob_excess(allow, policy.allow_changes, "changes.allow");
  if (!excess.empty()) return excess;
  for (const std::string& path : policy.read_paths) {
    if (ceiling.files.read && !path_is_covered(*ceiling.files.read, path)) {
      return "files.read: " + path;
    }
  }
  for (const std::string& path : policy.write_paths) {
    if (ceiling.files.write && !path_is_covered(*ceiling.files.write, path)) {
      return "files.write: " + path;
    }
  }
  for (const std::string& name : policy.env_pass) {
    if (ceiling.env.pass && std::ranges::find(*ceiling.env.pass, name) == ceiling.env.pass->end()) {
      return "env.pass: " + name;
    }
  }
  if (std::string beyond = first_excess_in_network(policy, ceiling); !beyond.empty()) {
    return beyond;
  }
  for (const auto& [name, grant] : policy.credentials) {
    if (ceiling.credentials.empty()) break;
    const auto found = ceiling.credentials.find(name);
    if (found == ceiling.credentials.end() || !(found->second == grant)) {
      return "credentials." + name;
    }
  }
  return "";
}

bool models_within(const ModelBudget& budget, const PolicyLayer::Limits& ceiling) {
  const auto within = [](const auto& value, const auto& limit) {
    return !limit || (value && *value <= *limit);
  };
  return within(budget.tokens, ceiling.tokens) && within(budget.cost, ceiling.cost) &&
         within(budget.requests, ceiling.requests) &&
         within(budget.token_rate, ceiling.token_rate) &&
         (!ceiling.on_token_rate || budget.on_token_rate == *ceiling.on_token_rate);
}

bool limits_within(const Policy& policy, const PolicyLayer::Limits& ceiling) {
  const auto within = [](const auto& value, const auto& limit) {
    return !limit || value <= *limit;
  };
  const bool idle_ok = !ceiling.idle || (policy.idle.count() != 0 && policy.idle <= *ceiling.idle);
  return within(policy.memory, ceiling.memory) && within(policy.cpus, ceiling.cpus) &&
         within(policy.processes, ceiling.processes) &&
         within(policy.open_files, ceiling.open_files) && within(policy.time, ceiling.time) &&
         idle_ok && within(policy.disk, ceiling.disk) && within(policy.output, ceiling.output) &&
         models_within(policy.model_budget, ceiling);
}

template <class T>
bool contains_all(const std::vector<T>& values, const std::optional<std::vector<T>>& wanted) {
  return !wanted || std::ranges::all_of(*wanted, [&](const T& value) {
    return std::ranges::find(values, value) != values.end();
  });
}

}  // namespace

bool covers(const Glob& outer, const Glob& inner) {
  if (outer.str() == "**" || outer == inner) return true;
  // "src/**" covers every pattern that starts with the literal component src/.
  std::string_view prefix = outer.str();
  if (!prefix.ends_with("/**") ||
      prefix.substr(0, prefix.size() - 2).find_first_of("*?[\\") != std::string::npos) {
    return inner.str().find_first_of("*?[\\") == std::string::npos &&
           inner.str().find('/') != std::string::npos && outer.covers(inner.str());
  }
  prefix.remove_suffix(2);
  return inner.str().starts_with(prefix) && inner.str().size() > prefix.size();
}

bool is_within_ceiling(const Policy& policy, const PolicyLayer& ceiling) {
  return first_excess(policy, ceiling).empty() && first_excess_in_lists(policy, ceiling).empty() &&
         limits_within(policy, ceiling.limits) &&
         (!ceiling.changes.max_files || policy.max_files <= *ceiling.changes.max_files) &&
         (!ceiling.changes.max_size || policy.max_size <= *ceiling.changes.max_size) &&
         (ceiling.changes.secrets != SecretsAction::refuse ||
          policy.secrets == SecretsAction::refuse) &&
         is_network_within(policy, ceiling) && tools_within(policy.tools, ceiling.tools) &&
         audit_within(policy.audit, ceiling.audit) &&
         contains_all(policy.hide, ceiling.workspace.hide) &&
         contains_all(policy.protect, ceiling.changes.protect) &&
         contains_all(policy.require, ceiling.require);
}

namespace {

// What the ceiling grants is also the default when nobody below says anything.
void begin_at(Policy& policy, const PolicyLayer& ceiling) {
  if (ceiling.workspace.write) policy.write = *ceiling.workspace.write;
  policy.allow_changes = policy.write;
  if (ceiling.changes.allow) policy.allow_changes = *ceiling.changes.allow;
  if (ceiling.workspace.mode) policy.mode = std::min(policy.mode, *ceiling.workspace.mode);
  if (ceiling.workspace.git) policy.git = std::min(policy.git, *ceiling.workspace.git);
  policy.network = std::min(policy.network, network_bound(ceiling));
  if (ceiling.tier && *ceiling.tier != TierChoice::automatic) policy.tier = *ceiling.tier;
}

Result<void> hold_under(MergedPolicy& merged, const std::string& source,
                        const NamedLayer& ceiling) {
  tighten(merged.policy, ceiling.layer, merged.tightened);
  std::string excess = first_excess(merged.policy, ceiling.layer);
  if (excess.empty()) excess = first_excess_in_lists(merged.policy, ceiling.layer);
  if (excess.empty()) return {};
  return failure(
      Errc::invalid_policy,
      fmt::format("{} grants {}, which {} does not", source, excess, ceiling.source),
      fmt::format("remove the grant, or ask whoever owns {} to allow it", ceiling.source));
}

}  // namespace

Result<MergedPolicy> merge_under(const std::vector<NamedLayer>& layers,
                                 const std::vector<NamedLayer>& ceilings) {
  MergedPolicy merged{.policy = built_in_policy(), .tightened = {}};
  for (const NamedLayer& ceiling : ceilings) begin_at(merged.policy, ceiling.layer);
  for (const NamedLayer& named : layers) {
    overlay(merged.policy, named.layer);
    for (const NamedLayer& ceiling : ceilings) {
      BERM_TRY(hold_under(merged, named.source, ceiling));
    }
  }
  for (const NamedLayer& ceiling : ceilings) {
    tighten(merged.policy, ceiling.layer, merged.tightened);
    inspect_what_the_ceiling_inspects(merged.policy, ceiling.layer);
  }
  // The default that one gives, or what it has inspected, may be more than another grants.
  for (const NamedLayer& ceiling : ceilings) {
    if (ceilings.size() == 1 || is_within_ceiling(merged.policy, ceiling.layer)) continue;
    return failure(Errc::invalid_policy,
                   fmt::format("what {} leaves is more than {} grants", ceilings.front().source,
                               ceilings.back().source),
                   "have their owners agree");
  }
  return merged;
}

Result<MergedPolicy> merge_policy(const std::vector<NamedLayer>& layers,
                                  const NamedLayer& ceiling) {
  return merge_under(layers, {ceiling});
}

}  // namespace berm

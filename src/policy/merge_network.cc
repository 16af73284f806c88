#include "policy/merge_network.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "policy/merge.h"
#include "policy/merge_values.h"

namespace berm {
namespace {

const std::vector<HostGrant>& list(const std::optional<std::vector<HostGrant>>& grants) {
  static const std::vector<HostGrant> kNone;
  return grants ? *grants : kNone;
}

bool is_bounded(const PolicyLayer::Network& ceiling) {
  return ceiling.allow || !ceiling.rules.empty();
}

bool any_covers(const std::vector<HostGrant>& outer, const HostGrant& inner) {
  return std::ranges::any_of(outer, [&](const HostGrant& o) { return covers(o, inner); });
}

bool contains(const std::vector<HostGrant>& grants, const HostGrant& grant) {
  return std::ranges::find(grants, grant) != grants.end();
}

template <class T>
bool is_subset(const std::vector<T>& inner, const std::vector<T>& outer) {
  return std::ranges::all_of(
      inner, [&](const T& value) { return std::ranges::find(outer, value) != outer.end(); });
}

bool covers(const NetworkRule& outer, const NetworkRule& inner) {
  const bool paths = std::ranges::all_of(inner.paths, [&](const std::string& path) {
    return std::ranges::any_of(outer.paths, [&](const std::string& o) {
      const bool tree = o.ends_with("/**") && o.find('*') == o.size() - 2;
      return o == path || (tree && path.starts_with(o.substr(0, o.size() - 2)));
    });
  });
  const bool types =
      outer.content_types.empty() ||
      (!inner.content_types.empty() && is_subset(inner.content_types, outer.content_types));
  return speaks_of(outer, inner.host) && paths && types &&
         is_subset(inner.methods, outer.methods) &&
         (!outer.max_upload || (inner.max_upload && *inner.max_upload <= *outer.max_upload)) &&
         (outer.websocket || !inner.websocket);
}

// What a ceiling says of the bytes of a run: `network.budget.bytes` or `limits.egress`.
NetworkBudget run_budget(const PolicyLayer& ceiling) {
  NetworkBudget budget = ceiling.network.budget;
  if (ceiling.limits.egress) {
    budget.bytes =
        budget.bytes ? std::min(*budget.bytes, *ceiling.limits.egress) : *ceiling.limits.egress;
  }
  return budget;
}

void tighten_budget(NetworkBudget& value, const NetworkBudget& ceiling, const std::string& key,
                    std::vector<std::string>& notes) {
  const auto bytes = [](Bytes b) { return to_text(b); };
  const auto number = [](auto n) { return fmt::format("{}", n); };
  lower_budget(value.bytes, ceiling.bytes, key + ".bytes", bytes, notes);
  lower_budget(value.upload, ceiling.upload, key + ".upload", bytes, notes);
  lower_budget(value.connections, ceiling.connections, key + ".connections", number, notes);
  lower_budget(value.requests, ceiling.requests, key + ".requests", number, notes);
}

void overlay_budget(NetworkBudget& target, const NetworkBudget& value) {
  if (value.bytes) target.bytes = value.bytes;
  if (value.upload) target.upload = value.upload;
  if (value.connections) target.connections = value.connections;
  if (value.requests) target.requests = value.requests;
}

bool budget_within(const NetworkBudget& value, const NetworkBudget& ceiling) {
  const auto within = [](const auto& mine, const auto& theirs) {
    return !theirs || (mine && *mine <= *theirs);
  };
  return within(value.bytes, ceiling.bytes) && within(value.upload, ceiling.upload) &&
         within(value.connections, ceiling.connections) && within(value.requests, ceiling.requests);
}

// A rule of the policy lies within the ceiling's rules for its host where there are any, else
// within what the ceiling allows whole.
bool is_granted(const NetworkRule& rule, const PolicyLayer::Network& ceiling) {
  // A rule for "*.b" speaks of "a.b" too: what the ceiling says of "a.b" binds it there.
  for (const NetworkRule& own : ceiling.rules) {
    if (!speaks_of(rule, own.host)) continue;
    NetworkRule there = rule;
    there.host = own.host;
    const bool within =
        std::ranges::any_of(ceiling.rules, [&](const NetworkRule& o) { return covers(o, there); });
    if (!within) return false;
  }
  const auto speaks = [&](const NetworkRule& o) { return speaks_of(o, rule.host); };
  if (std::ranges::any_of(ceiling.rules, speaks)) {
    return std::ranges::any_of(ceiling.rules,
                               [&](const NetworkRule& o) { return covers(o, rule); });
  }
  return any_covers(list(ceiling.allow), {.pattern = rule.host, .port = 443});
}

}  // namespace

void overlay_network(Policy& policy, const PolicyLayer& layer) {
  const PolicyLayer::Network& network = layer.network;
  if (network.mode) policy.network = *network.mode;
  add(policy.allow_hosts, network.allow);
  add(policy.deny_hosts, network.deny);
  add(policy.internal_hosts, network.internal);
  add(policy.opaque_hosts, network.opaque);
  add_missing(policy.network_rules, network.rules);
  overlay_budget(policy.network_budget, run_budget(layer));
  overlay_budget(policy.network_per_host, network.per_host);
}

NetworkMode network_bound(const PolicyLayer& ceiling) {
  const NetworkMode widest = is_bounded(ceiling.network) ? NetworkMode::allow : NetworkMode::open;
  return ceiling.network.mode ? *ceiling.network.mode : widest;
}

void tighten_network(Policy& policy, const PolicyLayer& ceiling, std::vector<std::string>& notes) {
  add(policy.deny_hosts, ceiling.network.deny);
  tighten_budget(policy.network_budget, run_budget(ceiling), "network.budget", notes);
  tighten_budget(policy.network_per_host, ceiling.network.per_host, "network.per_host", notes);
}

void inspect_what_the_ceiling_inspects(Policy& policy, const PolicyLayer& ceiling) {
  for (const NetworkRule& rule : ceiling.network.rules) {
    const bool named = std::ranges::any_of(
        policy.network_rules, [&](const NetworkRule& own) { return own.host == rule.host; });
    const bool reached = policy.network == NetworkMode::open ||
                         std::ranges::any_of(policy.allow_hosts, [&](const HostGrant& grant) {
                           return covers(grant, {.pattern = rule.host, .port = 443}) ||
                                  speaks_of(rule, grant.pattern);
                         });
    if (reached && !named) policy.network_rules.push_back(rule);
  }
}

std::string first_excess_in_network(const Policy& policy, const PolicyLayer& layer) {
  const PolicyLayer::Network& ceiling = layer.network;
  if (policy.network > network_bound(layer)) {
    return fmt::format("network.mode = \"{}\"", spelling(policy.network));
  }
  if (policy.network == NetworkMode::none) return "";
  const bool bounded = is_bounded(ceiling);
  for (const HostGrant& grant : policy.allow_hosts) {
    if (bounded && !any_covers(list(ceiling.allow), grant)) {
      return "network.allow: " + to_text(grant);
    }
    // Another port of an inspected host is opened by a grant of just that: only the ceiling's own.
    const bool whole = grant.port != 0 && grant.port != 443 && !grant.any_port;
    if (whole && !contains(list(ceiling.allow), grant) &&
        std::ranges::any_of(ceiling.rules, [&](const NetworkRule& rule) {
          return speaks_of(rule, grant.pattern);
        })) {
      return "network.allow: " + to_text(grant);
    }
  }
  for (const NetworkRule& rule : policy.network_rules) {
    if (bounded && !is_granted(rule, ceiling)) return "network.rule: " + rule.host;
  }
  for (const HostGrant& grant : policy.internal_hosts) {
    if (!bounded && !ceiling.internal) break;
    if (!any_covers(list(ceiling.internal), grant)) return "network.internal: " + to_text(grant);
  }
  for (const HostGrant& grant : policy.opaque_hosts) {
    if (!bounded && !ceiling.opaque) break;
    if (!any_covers(list(ceiling.opaque), grant)) return "network.opaque: " + to_text(grant);
  }
  return "";
}

bool is_network_within(const Policy& policy, const PolicyLayer& ceiling) {
  const auto inspected = [&](const NetworkRule& rule) {
    const bool reached = std::ranges::any_of(policy.allow_hosts, [&](const HostGrant& grant) {
      return covers(grant, {.pattern = rule.host, .port = 443});
    });
    return !reached || std::ranges::any_of(policy.network_rules, [&](const NetworkRule& own) {
      return speaks_of(own, rule.host);
    });
  };
  return budget_within(policy.network_budget, run_budget(ceiling)) &&
         budget_within(policy.network_per_host, ceiling.network.per_host) &&
         is_subset(list(ceiling.network.deny), policy.deny_hosts) &&
         (policy.network == NetworkMode::none ||
          std::ranges::all_of(ceiling.network.rules, inspected));
}

namespace {

bool covers_port(const HostGrant& outer, const HostGrant& inner) {
  if (outer.any_port) return true;
  if (inner.any_port) return false;
  if (outer.port == inner.port) return true;
  return outer.port == 0 && (inner.port == 80 || inner.port == 443);
}

bool covers_name(std::string_view outer, std::string_view inner) {
  const bool both = outer.starts_with("**.");
  if (!both && !outer.starts_with("*.")) return false;
  const std::string_view suffix = outer.substr(both ? 3 : 2);
  const bool inner_both = inner.starts_with("**.");
  if (inner_both) inner.remove_prefix(3);
  const bool inner_sub = inner.starts_with("*.");
  if (inner_sub) inner.remove_prefix(2);
  // "*.b" is within "*.b" and "**.b"; "b" only within "**.b".
  if (inner == suffix) return inner_sub || both;
  return inner.size() > suffix.size() && inner.ends_with(suffix) &&
         inner[inner.size() - suffix.size() - 1] == '.';
}

}  // namespace

bool covers(const HostGrant& outer, const HostGrant& inner) {
  if (!covers_port(outer, inner)) return false;
  if (outer.pattern == inner.pattern) return true;
  if (outer.pattern.starts_with('@') || inner.pattern.starts_with('@')) return false;
  const std::optional<IpNetwork> network = parse_network(outer.pattern);
  const std::optional<IpNetwork> wanted = parse_network(inner.pattern);
  if (network || wanted) return network && wanted && network->contains(*wanted);
  return covers_name(outer.pattern, inner.pattern);
}

bool speaks_of(const NetworkRule& rule, std::string_view host) {
  return covers(HostGrant{.pattern = rule.host}, HostGrant{.pattern = std::string(host)});
}

}  // namespace berm

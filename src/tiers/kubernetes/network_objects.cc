#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <set>

#include "base/ip.h"
#include "tiers/kubernetes/run_objects.h"

namespace berm::kubernetes {
namespace {

// Everything that is no public address (rules/egress/address.h): an answer of DNS that leads there
// is refused by berm, and once more by the cluster.
IpBlock public_ipv4() {
  return {
      "0.0.0.0/0",
      {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
       "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"}};
}
// 2000::/3 is what is assigned of it.
IpBlock public_ipv6() { return {"2000::/3", {"2001:db8::/32", "2002::/16"}}; }

std::vector<std::variant<PodPeer, IpBlock>> private_networks() {
  return {IpBlock{"10.0.0.0/8", {}}, IpBlock{"172.16.0.0/12", {}}, IpBlock{"192.168.0.0/16", {}},
          IpBlock{"100.64.0.0/10", {}}, IpBlock{"fc00::/7", {}}};
}

std::vector<std::uint16_t> ports_of(const HostGrant& grant) {
  if (grant.any_port) return {};
  if (grant.port != 0) return {grant.port};
  return {80, 443};
}

std::vector<NetworkPort> tcp(const std::set<std::uint16_t>& ports) {
  std::vector<NetworkPort> out;
  for (const std::uint16_t port : ports) out.push_back({"TCP", port});
  return out;
}

bool is_address(const HostGrant& grant) { return parse_network(grant.pattern).has_value(); }

// With its bits, which the API asks for in an address alone too.
std::string cidr(const IpNetwork& network) {
  return fmt::format("{}/{}", to_text(network.address), network.bits);
}

// "https://api.example.com:8443/v1" as a grant of its host.
HostGrant grant_of_url(std::string_view url) {
  url.remove_prefix(std::min(url.size(), url.find("://") == url.npos ? 0 : url.find("://") + 3));
  url = url.substr(0, url.find('/'));
  HostGrant out;
  const std::size_t colon = url.rfind(':');
  out.pattern = url.substr(0, colon);
  out.port = 443;
  if (colon != url.npos) {
    std::from_chars(url.data() + colon + 1, url.data() + url.size(), out.port);
  }
  return out;
}

// Every name that berm in the egress pod may connect to for this run.
std::vector<HostGrant> granted_names(const EgressPlan& egress) {
  std::vector<HostGrant> out;
  for (const std::vector<HostGrant>* grants : {&egress.rules.allow, &egress.rules.keyed}) {
    std::ranges::copy_if(*grants, std::back_inserter(out), std::not_fn(is_address));
  }
  for (const berm::NetworkRule& rule : egress.rules.inspect) {
    out.push_back({.pattern = rule.host, .port = 443});
  }
  if (egress.model) out.push_back(grant_of_url(egress.model->upstream));
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Where no name is looked at: every granted port of every public address.
void add_public(std::vector<NetworkRule>& out, const EgressPlan& egress) {
  std::set<std::uint16_t> ports;
  bool any = false;
  if (egress.rules.mode == NetworkMode::open) ports = {80, 443};
  for (const HostGrant& grant : granted_names(egress)) {
    const std::vector<std::uint16_t> own = ports_of(grant);
    any = any || own.empty();
    ports.insert(own.begin(), own.end());
  }
  if (ports.empty() && !any) return;
  out.push_back({.peers = {public_ipv4(), public_ipv6()},
                 .ports = any ? std::vector<NetworkPort>() : tcp(ports)});
}

void add_addresses(std::vector<NetworkRule>& out, const EgressRules& rules) {
  for (const HostGrant& grant : rules.allow) {
    const std::optional<IpNetwork> network = parse_network(grant.pattern);
    if (!network) continue;
    const std::vector<std::uint16_t> ports = ports_of(grant);
    out.push_back(
        {.peers = {IpBlock{cidr(*network), {}}}, .ports = tcp({ports.begin(), ports.end()})});
  }
  std::set<std::uint16_t> internal;
  for (const HostGrant& grant : rules.internal) {
    const std::vector<std::uint16_t> ports = ports_of(grant);
    internal.insert(ports.begin(), ports.end());
  }
  if (!internal.empty()) out.push_back({.peers = private_networks(), .ports = tcp(internal)});
}

NetworkRule to_resolver() {
  return {.peers = {PodPeer{{{"k8s-app", "kube-dns"}},
                            Labels{{"kubernetes.io/metadata.name", "kube-system"}}}},
          .ports = {{"UDP", 53}, {"TCP", 53}}};
}

Labels pods_of(const Plan& plan, const char* role) {
  return {{kRunLabel, plan.run_id}, {kRoleLabel, role}};
}

// "**.a.b" is the name and what lies below it, to three labels: its pattern knows no more.
void add_named(std::vector<NamedPeer>& out, const HostGrant& grant) {
  const std::vector<std::uint16_t> ports = ports_of(grant);
  if (!grant.pattern.starts_with("**.")) {
    out.push_back({grant.pattern, grant.pattern.starts_with('*'), ports});
    return;
  }
  const std::string base = grant.pattern.substr(3);
  out.push_back({base, false, ports});
  for (const char* below : {"*.", "*.*.", "*.*.*."}) out.push_back({below + base, true, ports});
}

CiliumNetworkPolicy names_of(const Plan& plan, const Metadata& like) {
  CiliumNetworkPolicy out = {.metadata = like, .pods = pods_of(plan, "egress")};
  out.metadata.name += "-egress-names";
  for (const HostGrant& grant : granted_names(plan.egress)) add_named(out.names, grant);
  return out;
}

NetworkPolicy confine_egress(const Plan& plan, const Metadata& like) {
  const EgressRules& rules = plan.egress.rules;
  NetworkPolicy out = {.metadata = like, .pods = pods_of(plan, "egress")};
  out.metadata.name += "-egress";
  out.egress.push_back(
      {.peers = {PodPeer{pods_of(plan, "agent"), std::nullopt}}, .ports = {{"TCP", kAgentPort}}});
  if (rules.mode == NetworkMode::none) return out;
  // Policies add up: where names are held, nothing here may allow every address.
  const bool by_name = plan.kubernetes->cilium && rules.mode == NetworkMode::allow;
  if (!by_name) {
    out.egress.push_back(to_resolver());
    add_public(out.egress, plan.egress);
  }
  add_addresses(out.egress, rules);
  return out;
}

}  // namespace

std::vector<Object> network_objects(const Plan& plan, const Metadata& like) {
  NetworkPolicy agent = {.metadata = like, .pods = pods_of(plan, "agent")};
  agent.metadata.name += "-agent";
  agent.ingress.push_back(
      {.peers = {PodPeer{pods_of(plan, "egress"), std::nullopt}}, .ports = {{"TCP", kAgentPort}}});
  std::vector<Object> out = {std::move(agent), confine_egress(plan, like)};
  const bool by_name = plan.kubernetes->cilium && plan.egress.rules.mode == NetworkMode::allow;
  if (by_name) {
    CiliumNetworkPolicy names = names_of(plan, like);
    if (!names.names.empty()) out.emplace_back(std::move(names));
  }
  return out;
}

}  // namespace berm::kubernetes

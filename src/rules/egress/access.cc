#include "rules/egress/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/merge.h"

namespace berm {
namespace {

constexpr std::uint16_t kUsualPorts[] = {22, 80, 443, 8080, 8443};

HostGrant wanted_grant(const Destination& to) { return {.pattern = to.host, .port = to.port}; }

const HostGrant* covering(const std::vector<HostGrant>& grants, const Destination& to) {
  const HostGrant wanted = wanted_grant(to);
  const auto found =
      std::ranges::find_if(grants, [&](const HostGrant& grant) { return covers(grant, wanted); });
  return found == grants.end() ? nullptr : &*found;
}

// A denied name is denied on every port unless the entry names one.
const HostGrant* denying(const std::vector<HostGrant>& deny, const Destination& to) {
  const auto found = std::ranges::find_if(deny, [&](HostGrant grant) {
    if (grant.port == 0) grant.any_port = true;
    return covers(grant, wanted_grant(to));
  });
  return found == deny.end() ? nullptr : &*found;
}

Grant denied(std::string rule, std::string why) {
  return {.allowed = false, .rule = std::move(rule), .why = std::move(why)};
}

}  // namespace

Grant decide(const EgressRules& rules, const Destination& to) {
  if (const HostGrant* deny = denying(rules.deny, to)) {
    return denied(fmt::format("network.deny \"{}\"", to_text(*deny)),
                  fmt::format("the policy denies {}", to_text(to)));
  }
  Grant grant;
  grant.internal = covering(rules.internal, to) != nullptr;
  grant.opaque = covering(rules.opaque, to) != nullptr;
  const HostGrant* allow = covering(rules.allow, to);
  const auto rule = std::ranges::find_if(
      rules.inspect, [&](const NetworkRule& r) { return !to.address && speaks_of(r, to.host); });
  const HostGrant* keyed = to.address ? nullptr : covering(rules.keyed, to);
  if (keyed != nullptr) {
    return {.allowed = true,
            .rule = fmt::format("credentials for \"{}\"", to_text(*keyed)),
            .why = "",
            .inspected = true,
            .exact = keyed->pattern == to.host,
            .internal = grant.internal};
  }
  // A host with rules is inspected also where another line allows it whole: the narrower word
  // counts. Another port of it only by a grant of just that host and port.
  if (rule != rules.inspect.end() && to.port == 443) {
    grant.allowed = grant.inspected = true;
    grant.exact = rule->host == to.host;
    grant.rule = fmt::format("network.rule \"{}\"", rule->host);
    return grant;
  }
  const HostGrant by_port{.pattern = to.host, .port = to.port};
  const bool by_itself = std::ranges::find(rules.allow, by_port) != rules.allow.end();
  if (rule != rules.inspect.end() && !by_itself) {
    return denied(fmt::format("network.rule \"{}\"", rule->host),
                  "a host with rules is reached by https only, unless this port of it is granted");
  }
  const bool has_key = !to.address && std::ranges::any_of(rules.keyed, [&](HostGrant key) {
    key.any_port = true;
    return covers(key, by_port);
  });
  if (has_key && !by_itself) {
    return denied("credentials",
                  "a host with a credential is reached by https only, unless this "
                  "port of it is granted");
  }
  if (allow != nullptr) {
    grant.allowed = true;
    grant.exact = allow->pattern == to.host;
    grant.rule = fmt::format("network.allow \"{}\"", to_text(*allow));
    return grant;
  }
  if (!to.address && (rules.mode == NetworkMode::open || rules.learn)) {
    grant.allowed = true;
    grant.rule = rules.learn ? "learn" : "network.mode \"open\"";
    return grant;
  }
  if (to.address) {
    return denied("network.allow", fmt::format("{} is an address, and the policy grants names; an "
                                               "address is granted as \"{}\"",
                                               to_text(to), to_text(to)));
  }
  return denied("network.allow",
                fmt::format("the policy does not grant {}; to permit it: allow = [\"{}\"]",
                            to_text(to), to_text(to)));
}

bool may_resolve(const EgressRules& rules, std::string_view name) {
  const auto speaks = [&](HostGrant grant) {
    grant.port = 0;
    grant.any_port = true;
    return covers(grant, {.pattern = std::string(name), .port = 443});
  };
  const bool denied_everywhere =
      std::ranges::any_of(rules.deny, [&](const HostGrant& d) { return d.port == 0 && speaks(d); });
  if (denied_everywhere) return false;
  return rules.mode == NetworkMode::open || rules.learn || rules.ask ||
         std::ranges::any_of(rules.allow, speaks) || std::ranges::any_of(rules.keyed, speaks) ||
         std::ranges::any_of(rules.inspect,
                             [&](const NetworkRule& rule) { return speaks_of(rule, name); });
}

std::string_view why_not_dial(const EgressRules& rules, const Grant& grant, const Destination& to,
                              const IpAddress& address, const std::vector<IpAddress>& own) {
  // Granted by address, on purpose, with its port: whatever it is.
  const Destination literal{.host = to_text(address), .address = address, .port = to.port};
  if (to.address && *to.address == address) return "";
  if (covering(rules.allow, literal) != nullptr && denying(rules.deny, literal) == nullptr)
    return "";
  if (denying(rules.deny, literal) != nullptr) return "denied by address";
  const AddressClass found = classify(address);
  if (found.kind == AddressKind::never) return found.what;
  if (found.kind == AddressKind::internal && !grant.internal) return found.what;
  if (std::ranges::find(own, address) != own.end() && !grant.internal) {
    return "this machine's own";
  }
  return "";
}

std::vector<std::uint16_t> granted_ports(const EgressRules& rules) {
  std::set<std::uint16_t> ports;
  const auto add_usual = [&] { ports.insert(std::begin(kUsualPorts), std::end(kUsualPorts)); };
  for (const HostGrant& grant : rules.allow) {
    if (grant.any_port) {
      add_usual();
    } else if (grant.port == 0) {
      ports.insert({80, 443});
    } else {
      ports.insert(grant.port);
    }
  }
  if (!rules.inspect.empty()) ports.insert({80, 443});
  for (const HostGrant& grant : rules.keyed) ports.insert(grant.port);
  if (rules.mode == NetworkMode::open || rules.learn || rules.ask) add_usual();
  return {ports.begin(), ports.end()};
}

IpNetwork routed_name_pool() { return *parse_network("198.18.0.0/15"); }

IpNetwork loopback_name_pool() { return *parse_network("127.64.0.0/10"); }

std::vector<IpNetwork> granted_networks(const EgressRules& rules) {
  std::vector<IpNetwork> out;
  for (const HostGrant& grant : rules.allow) {
    const std::optional<IpNetwork> network = parse_network(grant.pattern);
    // Loopback is the sandbox's own inside: only a proxy can mean the host's.
    const bool loopback = network && parse_network("127.0.0.0/8")->contains(*network);
    if (network && !network->address.v6 && !loopback &&
        std::ranges::find(out, *network) == out.end()) {
      out.push_back(*network);
    }
  }
  return out;
}

}  // namespace berm

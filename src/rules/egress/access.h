// src/rules/egress/access.h: the policy's answer to "may this run reach X?". Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "rules/egress/address.h"
#include "rules/egress/destination.h"

namespace berm {

/// Everything of a policy that decides about a destination.
struct EgressRules {
  NetworkMode mode = NetworkMode::none;
  std::vector<HostGrant> allow;
  std::vector<HostGrant> deny;
  std::vector<HostGrant> internal;
  std::vector<HostGrant> opaque;
  std::vector<NetworkRule> inspect;
  std::vector<HostGrant> keyed;  ///< with a credential: inspected, and reached as far as it says
  bool learn = false;            ///< every public name is let through and noted
  bool ask = false;              ///< what nothing grants is asked about, one by one
  bool operator==(const EgressRules&) const = default;
};

/// What the user said of a host that nothing grants. On the wire: the number.
enum class HostAnswer : std::uint8_t { no, once, for_this_run };

/// What is granted of one destination.
struct Grant {
  bool allowed = false;
  std::string rule;        ///< what decided: `network.allow "*.example.com"`, `network.deny …`
  std::string why;         ///< one line for the agent, when denied
  bool inspected = false;  ///< TLS is terminated: a [[network.rule]] speaks of this host
  bool exact = false;      ///< granted by its own name or address, not by a pattern
  bool internal = false;   ///< may resolve to an internal address
  bool opaque = false;     ///< TLS whose ClientHello cannot be read is let through
};

/// Deny over allow; an empty list allows nothing; whole labels only (CVE-2026-24052); an address is
/// reached only if an address is granted. Decides about names and ports, before any resolution.
[[nodiscard]] Grant decide(const EgressRules& rules, const Destination& to);

/// True if some port of `name` could be granted: what the run's DNS server answers for.
[[nodiscard]] bool may_resolve(const EgressRules& rules, std::string_view name);

/// Why `address`, an answer for `to`, must not be dialled; "" if it may. Applied to the address
/// that will be dialled, after resolution (DNS rebinding, CNAME to private).
/// @param own  addresses of this machine's own interfaces
[[nodiscard]] std::string_view why_not_dial(const EgressRules& rules, const Grant& grant,
                                            const Destination& to, const IpAddress& address,
                                            const std::vector<IpAddress>& own);

/// The TCP ports that clients without a proxy can be served on: every granted one. Grants of any
/// port add the usual ones (22, 80, 443, 8080, 8443).
[[nodiscard]] std::vector<std::uint16_t> granted_ports(const EgressRules& rules);

/// Where the addresses that stand for names inside come from: 198.18.0.0/15 (RFC 2544, never routed
/// on the internet), which leads to lo in the run's network namespace.
[[nodiscard]] IpNetwork routed_name_pool();
/// The same where no route can be added: a part of 127.0.0.0/8, all of which is lo everywhere.
[[nodiscard]] IpNetwork loopback_name_pool();

/// The networks granted by address (IPv4): they get a route inside, to egress.
[[nodiscard]] std::vector<IpNetwork> granted_networks(const EgressRules& rules);

}  // namespace berm

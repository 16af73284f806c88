// src/plan/network.h: from the policy's grants to listeners, routes and variables.
#pragma once

#include "plan/make_plan.h"
#include "plan/plan.h"

namespace berm {

/// Where programs inside find what berm put there for them. `kTrustDirectory` holds ca.pem,
/// bundle.pem and trust.jks of a run whose hosts are inspected.
inline constexpr std::string_view kTrustDirectory = "/run/berm/trust";

/// What the policy says about destinations.
[[nodiscard]] EgressRules egress_rules(const Policy& policy);

[[nodiscard]] EgressPlan plan_egress(const Policy& policy, const AgentFacts& agent,
                                     std::vector<EgressCredential> credentials);

/// Variables by which clients find the proxies and trust the run's CA.
void add_network_environment(Plan& plan);

/// The run's CA in the places where programs look for roots.
void add_trust_mounts(Plan& plan, const HostFacts& host);

/// What of the network is weaker than the default, one sentence each.
[[nodiscard]] std::vector<std::string> network_weaknesses(const EgressPlan& egress);

}  // namespace berm

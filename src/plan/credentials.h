// src/plan/credentials.h: from the policy's credentials to placeholders inside and uses at egress.
#pragma once

#include <string_view>

#include "plan/make_plan.h"

namespace berm {

/// Every grant with what stands for its secret inside.
[[nodiscard]] std::vector<CredentialPlan> plan_credentials(const Policy& policy,
                                                           std::string_view run_id);

/// What egress is told of them, in the same order.
[[nodiscard]] std::vector<EgressCredential> egress_credentials(
    const std::vector<CredentialPlan>& credentials);

/// Hosts that are reached with a credential. Not the one whose secret `model` adds.
[[nodiscard]] std::vector<HostGrant> keyed_hosts(const std::vector<EgressCredential>& credentials,
                                                 const std::optional<ModelProxy>& model);

/// Variables and files that show the placeholders.
void add_placeholders(Plan& plan);

/// What of the plan's credentials is weaker than it could be, in words.
[[nodiscard]] std::vector<std::string> credential_weaknesses(const Plan& plan);

}  // namespace berm

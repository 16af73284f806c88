// src/plan/ladder.h: which tiers a run may take, in order.
#pragma once

#include "policy/policy.h"

namespace berm {

/// "auto" is the first of namespace, container and process that holds what the policy requires;
/// nothing below them, and never microvm or kubernetes, which somebody has to name.
[[nodiscard]] std::vector<TierChoice> candidates(const Policy& policy);

/// `policy` with its tier decided.
[[nodiscard]] Policy with_tier(Policy policy, TierChoice tier);

}  // namespace berm

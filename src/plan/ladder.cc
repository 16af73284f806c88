#include "plan/ladder.h"

namespace berm {

std::vector<TierChoice> candidates(const Policy& policy) {
  if (policy.tier != TierChoice::automatic) return {policy.tier};
  return {TierChoice::namespaces, TierChoice::container, TierChoice::process};
}

Policy with_tier(Policy policy, TierChoice tier) {
  policy.tier = tier;
  return policy;
}

}  // namespace berm

// src/policy/merge_network.h: the network's part of a merge under the managed ceiling.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"

namespace berm {

void overlay_network(Policy& policy, const PolicyLayer& layer);

/// The widest mode under `ceiling`: its own, or "allow" where it says what may be reached.
[[nodiscard]] NetworkMode network_bound(const PolicyLayer& ceiling);

/// Lowers budgets to the ceiling's and adds what it denies.
void tighten_network(Policy& policy, const PolicyLayer& ceiling, std::vector<std::string>& notes);

/// A host that the ceiling inspects is inspected too where a wider grant of the policy covers it.
void inspect_what_the_ceiling_inspects(Policy& policy, const PolicyLayer& ceiling);

/// The first grant beyond the ceiling in words, or "".
[[nodiscard]] std::string first_excess_in_network(const Policy& policy, const PolicyLayer& ceiling);

/// What merging leaves true of budgets and denials; see is_within_ceiling().
[[nodiscard]] bool is_network_within(const Policy& policy, const PolicyLayer& ceiling);

}  // namespace berm

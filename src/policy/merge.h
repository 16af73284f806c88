// src/policy/merge.h: managed ceiling, profile, file and flags to one policy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// One layer with its origin, for messages and the record.
struct NamedLayer {
  std::string source;  ///< "/etc/berm/policy.toml", "profile claude", "HEAD:berm.toml", "flags"
  PolicyLayer layer;
};

/// The result of a merge.
struct MergedPolicy {
  Policy policy;
  std::vector<std::string> tightened;  ///< One sentence for each value the ceiling lowered.
};

/// Merges `layers` (weakest first: profile, file, flags) under `ceiling`.
///
/// Scalars: the later layer wins. Grants of the profile (hosts, variables, credentials) are what
/// the agent cannot work without, so the lists of file and flags add to them; `write`, `allow` and
/// `protect` of a later layer replace the earlier one. `hide` and `require` only grow.
///
/// The ceiling can only be tightened: limits above it are lowered (and said so); a grant beyond it
/// is refused, because silently dropping a grant breaks the run later and far from its cause.
/// @return Errc::invalid_policy naming the layer, the grant and the ceiling's source.
[[nodiscard]] Result<MergedPolicy> merge_policy(const std::vector<NamedLayer>& layers,
                                                const NamedLayer& ceiling);

/// The same under several, of which each is held. The last has the last word where a ceiling says
/// which (an image, a runtime).
[[nodiscard]] Result<MergedPolicy> merge_under(const std::vector<NamedLayer>& layers,
                                               const std::vector<NamedLayer>& ceilings);

/// True if everything that `policy` grants is granted by `ceiling` too. The property that
/// merge_policy() keeps; also what tests check.
[[nodiscard]] bool is_within_ceiling(const Policy& policy, const PolicyLayer& ceiling);

/// True if every host and port that `inner` admits is admitted by `outer`.
[[nodiscard]] bool covers(const HostGrant& outer, const HostGrant& inner);

/// True if `rule` is one of the rules for `host`, a name or a pattern.
[[nodiscard]] bool speaks_of(const NetworkRule& rule, std::string_view host);

/// True if every path that `inner` can match is matched by `outer`. Conservative: false when
/// unsure.
[[nodiscard]] bool covers(const Glob& outer, const Glob& inner);

}  // namespace berm

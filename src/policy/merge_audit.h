// src/policy/merge_audit.h: the record's part of a merge under the managed ceiling, which can only
// be added to.
#pragma once

#include <string>
#include <vector>

#include "policy/audit_policy.h"

namespace berm {

/// A later layer's sink replaces one of the same name.
void overlay_audit(AuditPolicy& audit, const AuditLayer& layer);

/// The ceiling's sinks and its key are there as the ceiling has them, whatever a layer says.
void tighten_audit(AuditPolicy& audit, const AuditLayer& ceiling, std::vector<std::string>& notes);

/// What merging leaves true; see is_within_ceiling().
[[nodiscard]] bool audit_within(const AuditPolicy& audit, const AuditLayer& ceiling);

}  // namespace berm

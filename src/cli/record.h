// src/cli/record.h: which record a command speaks of.
#pragma once

#include <string>

#include "base/result.h"

namespace berm {

inline constexpr std::size_t kMaxRecord = 1ULL << 30;

/// Exit code of what is intact as far as it goes, but lacks something.
inline constexpr int kIncomplete = 3;

/// The path of a run's record by the run's name (id, part of it, "latest"), or of a record file by
/// its own path.
[[nodiscard]] Result<std::string> record_path(const std::string& name);

}  // namespace berm

// src/tiers/container/skeleton.h: an image without a program in it. Pure.
#pragma once

#include <string>
#include <vector>

#include "plan/facts.h"

namespace berm {

/// A tar archive (POSIX ustar) of links and empty directories: what a read-only root needs so that
/// the host's system directories can be bound into it. Same links, same bytes.
[[nodiscard]] std::string skeleton_archive(const std::vector<HostFacts::Link>& links);

}  // namespace berm

// src/tiers/container/seccomp_profile.h: our system call list in the form of container engines.
#pragma once

#include <string>

namespace berm {

/// JSON for --security-opt seccomp=FILE. The outer of two filters: it also holds for berm-init, and
/// for the runtime's own last steps, so what the finer one compares by argument is allowed here.
[[nodiscard]] std::string engine_seccomp_profile();

}  // namespace berm

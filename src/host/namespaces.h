// src/host/namespaces.h: whether a run's namespaces can be made here.
#pragma once

#include <string>

#include "plan/facts.h"

namespace berm {

/// Makes them in a child that does nothing else, and mounts in them: what surrounds us may allow
/// the one and not the other (a seccomp profile, AppArmor, a masked /proc). About 2 ms.
/// @return 0, or an errno.
[[nodiscard]] int try_namespaces();

/// Why a run of `facts`' user cannot have namespaces; "" = it can. Tries only where something
/// around us says that it may be refused, so that an ordinary host pays nothing.
[[nodiscard]] std::string namespaces_unfit(const HostFacts& facts);

}  // namespace berm

// src/host/doctor.h: what is missing on this host, why it matters, and how to get it.
#pragma once

#include <string>
#include <vector>

#include "host/probe.h"

namespace berm {

enum class Health : std::uint8_t { good, weaker, broken };
[[nodiscard]] std::string_view name_of(Health health);

struct HealthCheck {
  std::string name;
  Health state = Health::good;
  std::string found;
  std::string fix;
};

/// Looks at the facts, and tries the one thing that facts cannot tell: it makes the namespaces of a
/// run in a child that does nothing else.
[[nodiscard]] std::vector<HealthCheck> examine_host(const HostFacts& facts);

}  // namespace berm

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

/// The same error with a cause and a fix, where the facts or the errno tell one.
[[nodiscard]] Error explain_setup_failure(Error error, const HostFacts& facts);

/// Looks at the facts, and tries the one thing that facts cannot tell: it makes the namespaces of a
/// run in a child that does nothing else.
[[nodiscard]] std::vector<HealthCheck> examine_host(const HostFacts& facts);

}  // namespace berm

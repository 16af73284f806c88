// tests/escape/probes.h: hostile acts, one function each, shared by the probe program and the test.
#pragma once

#include <span>
#include <string_view>

namespace berm::probe {

/// Where a probe is tried to show that it works at all.
enum class Control {
  outside,     ///< as root on the host, next to the sandbox
  namespaces,  ///< in fresh namespaces with all capabilities: acts that must not touch the host
};

/// One hostile act. It returns 0 if it worked, else the errno that stopped it.
struct Probe {
  std::string_view name;
  std::string_view layer;  ///< which layer must stop it
  int denied_with;         ///< the errno of that layer
  Control control;
  int (*act)();
};

/// A child that was killed by the kernel instead of being answered.
inline constexpr int kKilled = 1000;

[[nodiscard]] std::span<const Probe> probes();

/// Set by the caller: paths and numbers that the test made as targets.
/// BERM_PROBE_MARKER (a file of the host), BERM_PROBE_SOCKET (a unix socket of the host),
/// BERM_PROBE_PORT (a TCP port on the host's loopback), BERM_PROBE_PID (a process of the host),
/// BERM_PROBE_ABSTRACT (name of an abstract socket), BERM_PROBE_RECORD (the run's own record).
[[nodiscard]] const char* target(const char* name);

}  // namespace berm::probe

// src/drill/acts/act.h: hostile acts, one function each: tried inside a sandbox by berm-init, and
// outside as the control. libc only.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace berm::drill {

/// Where an act is tried to show that it works at all.
enum class Control {
  outside,     ///< on the host, next to the sandbox: it leaves the host as it was
  namespaces,  ///< in fresh namespaces with all capabilities: acts that must not touch the host
  exhausting,  ///< as namespaces; inside, in a run of its own, which it may end
  aftermath,   ///< in a copy of the drill's directory; judged by what is there after the run
};

/// One hostile act. act() returns 0 if it worked, else the errno that stopped it.
struct Act {
  std::string_view name;
  std::string_view layer;  ///< which layer stops it in the namespace tier
  int denied_with;         ///< the errno of that layer; 0 = none: judged by the aftermath
  Control control;
  int (*act)();           ///< null: `path` is read (outside) or written (aftermath)
  const char* path = "";  ///< below the drill's directory; from "/": of the host, + the token
};

/// A child that was killed by the kernel instead of being answered.
inline constexpr int kKilled = 1000;

[[nodiscard]] std::span<const Act> file_acts();
[[nodiscard]] std::span<const Act> git_acts();
[[nodiscard]] std::span<const Act> process_acts();
[[nodiscard]] std::span<const Act> kernel_acts();
[[nodiscard]] std::span<const Act> privilege_acts();
[[nodiscard]] std::span<const Act> network_acts();
[[nodiscard]] std::span<const Act> dns_acts();
[[nodiscard]] std::span<const Act> credential_acts();
[[nodiscard]] std::span<const Act> settings_acts();
[[nodiscard]] std::span<const Act> resource_acts();
[[nodiscard]] std::span<const Act> persistence_acts();
[[nodiscard]] std::span<const Act> terminal_acts();

struct Group {
  std::string_view name;
  std::span<const Act> acts;
};
[[nodiscard]] inline std::array<Group, 12> groups() {
  return {{{"files", file_acts()},
           {"git", git_acts()},
           {"processes", process_acts()},
           {"kernel", kernel_acts()},
           {"privileges", privilege_acts()},
           {"network", network_acts()},
           {"dns", dns_acts()},
           {"credentials", credential_acts()},
           {"settings", settings_acts()},
           {"resources", resource_acts()},
           {"persistence", persistence_acts()},
           {"terminal", terminal_acts()}}};
}

/// `berm-init drill inside|exhausting|outside|namespaces`: tries the acts, each in a process of its
/// own, and prints "drill NAME ERRNO" lines. What it looks for is told by the environment:
/// BERM_DRILL_ROOT (the drill's directory), _MARKER (a file of the host), _SOCKET (a unix socket of
/// the host), _PORT (a TCP port on its loopback), _PID (a process), _ABSTRACT (an abstract socket),
/// _RECORD (where the run's record lies), _TOKEN (a name for what is left behind), _PROCESSES (the
/// run's limit).
/// @return 2 where a mode would harm whoever called it.
int run_acts(int argc, char** argv);

}  // namespace berm::drill

// src/init/hook_wire.h: what the hook program and the judge of tool calls say to each other, over a
// stream socket inside the sandbox. Host byte order: both ends are on one machine.
#pragma once

#include <cstdint>

namespace berm::wire {

inline constexpr char kToolSocket[] = "/run/berm/tool.sock";
inline constexpr std::uint32_t kHookMagic = 0x6b6f6f68;  // "hook"
inline constexpr std::uint32_t kMostHookInput = 16U << 20;
inline constexpr std::uint32_t kMostHookAnswer = 17U << 20;  ///< a rewrite repeats the input

/// Then `size` bytes: what the client wrote to the hook.
struct HookQuestion {
  std::uint32_t magic;
  std::uint32_t agent;  ///< AgentKind
  std::uint32_t size;
};

/// Then `out` bytes for stdout and `err` bytes for stderr.
struct HookAnswer {
  std::uint32_t magic;
  std::uint32_t exit_code;  ///< 0 or 2
  std::uint32_t out;
  std::uint32_t err;
};

}  // namespace berm::wire

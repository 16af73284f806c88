// src/sys/process_memory.h: what lies in another process' memory: by process_vm_readv(2), or
// by proc(5) where that is refused.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

inline constexpr std::uint64_t kPage = 4096;

/// `size` bytes at `from`; false if not all of them can be read.
[[nodiscard]] bool read_memory(pid_t pid, std::uint64_t from, void* to, std::size_t size);

/// What execve(2) was asked for, as it lay in the caller's memory at one moment.
struct ProgramCall {
  std::string path;
  std::vector<std::string> argv;
  bool whole = true;      ///< false: there are more arguments, or more of them, than was read
  bool last_cut = false;  ///< the last of `argv` goes on
};

struct ProgramCallLimits {
  std::size_t arguments = 256;
  std::size_t bytes = 32 << 10;
};

/// Reads a path and a vector of strings in two calls where nothing is long.
/// @return 0, or why it cannot be read: EFAULT as execve(2) itself would say, ENAMETOOLONG, ESRCH,
///         EPERM.
[[nodiscard]] int read_program_call(pid_t pid, std::uint64_t path, std::uint64_t argv,
                                    const ProgramCallLimits& limits, ProgramCall& out);

}  // namespace berm

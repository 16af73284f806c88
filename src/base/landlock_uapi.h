// src/base/landlock_uapi.h: Landlock's user API beyond Debian 12's headers (which stop at ABI 2).
// Values from Linux include/uapi/linux/landlock.h; the running kernel's ABI is asked, not assumed.
#pragma once

#include <cstdint>

namespace berm::landlock {

inline constexpr std::uint64_t kExecute = 1ULL << 0;
inline constexpr std::uint64_t kWriteFile = 1ULL << 1;
inline constexpr std::uint64_t kReadFile = 1ULL << 2;
inline constexpr std::uint64_t kReadDir = 1ULL << 3;
inline constexpr std::uint64_t kRemoveDir = 1ULL << 4;
inline constexpr std::uint64_t kRemoveFile = 1ULL << 5;
inline constexpr std::uint64_t kMakeChar = 1ULL << 6;
inline constexpr std::uint64_t kMakeDir = 1ULL << 7;
inline constexpr std::uint64_t kMakeReg = 1ULL << 8;
inline constexpr std::uint64_t kMakeSock = 1ULL << 9;
inline constexpr std::uint64_t kMakeFifo = 1ULL << 10;
inline constexpr std::uint64_t kMakeBlock = 1ULL << 11;
inline constexpr std::uint64_t kMakeSym = 1ULL << 12;
inline constexpr std::uint64_t kRefer = 1ULL << 13;     // ABI 2, Linux 5.19
inline constexpr std::uint64_t kTruncate = 1ULL << 14;  // ABI 3, Linux 6.2
inline constexpr std::uint64_t kIoctlDev = 1ULL << 15;  // ABI 5, Linux 6.10

inline constexpr std::uint64_t kScopeAbstractUnix = 1ULL << 0;  // ABI 6, Linux 6.12
inline constexpr std::uint64_t kScopeSignal = 1ULL << 1;        // ABI 6

inline constexpr std::uint64_t kBindTcp = 1ULL << 0;  // ABI 4, Linux 6.7
inline constexpr std::uint64_t kConnectTcp = 1ULL << 1;

/// File rights that a kernel of this ABI can handle.
constexpr std::uint64_t handled_fs(int abi) {
  std::uint64_t rights = abi >= 1 ? (1ULL << 13) - 1 : 0;
  if (abi >= 2) rights |= kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDev;
  return rights;
}

constexpr std::uint64_t handled_net(int abi) { return abi >= 4 ? kBindTcp | kConnectTcp : 0; }
constexpr std::uint64_t scopes(int abi) { return abi >= 6 ? kScopeAbstractUnix | kScopeSignal : 0; }

inline constexpr std::uint64_t kReadRights = kExecute | kReadFile | kReadDir;
/// Making device nodes is never allowed; the rest of a writable tree is.
inline constexpr std::uint64_t kWriteRights = kReadRights | kWriteFile | kRemoveDir | kRemoveFile |
                                              kMakeDir | kMakeReg | kMakeSock | kMakeFifo |
                                              kMakeSym | kRefer | kTruncate;
/// A rule on a file may not name rights that only make sense for directories (EINVAL).
inline constexpr std::uint64_t kFileRights =
    kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;

struct RulesetAttr {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // ABI 4
  std::uint64_t scoped;              // ABI 6
};
struct [[gnu::packed]] PathBeneathAttr {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};
inline constexpr std::uint32_t kCreateRulesetVersion = 1;
inline constexpr int kRulePathBeneath = 1;

}  // namespace berm::landlock

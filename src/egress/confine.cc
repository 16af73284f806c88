#include "egress/confine.h"

#include <sys/resource.h>

#include "sys/confine.h"
#include "tiers/namespace/seccomp/filters.h"

namespace berm {
namespace {

#if defined(__x86_64__)
constexpr auto& kFilter = seccomp::kEgressX86_64;
#elif defined(__aarch64__)
constexpr auto& kFilter = seccomp::kEgressAarch64;
#endif

}  // namespace

std::size_t raise_connection_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 128;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t kOthers = 256;
  return files.rlim_cur > 2 * kOthers ? (files.rlim_cur - kOthers) / 2 : 128;
}

Result<void> confine_egress(std::uint32_t uid) {
  return in_context("confining egress", confine_process(kFilter, uid));
}

}  // namespace berm

#include "tiers/container/seccomp_profile.h"

#include <nlohmann/json.hpp>

#include "tiers/namespace/seccomp/profile.h"

namespace berm {
namespace {

// What generate.cc allows by argument: here by name, the agent's own filter looks closer.
constexpr std::string_view kByArgument[] = {"clone", "clone3", "ioctl", "socket", "personality"};

}  // namespace

std::string engine_seccomp_profile() {
  using nlohmann::json;
  json allowed = json::array();
  for (const std::string_view name : seccomp::kAllowed) allowed.push_back(name);
  for (const std::string_view name : kByArgument) allowed.push_back(name);
  const json profile = {
    {"defaultAction", "SCMP_ACT_ERRNO"},
#if defined(__x86_64__)
    {"architectures", {"SCMP_ARCH_X86_64"}},
#elif defined(__aarch64__)
    {"architectures", {"SCMP_ARCH_AARCH64"}},
#endif
    {"syscalls", json::array({{{"names", std::move(allowed)}, {"action", "SCMP_ACT_ALLOW"}}})}
  };
  return profile.dump(1);
}

}  // namespace berm

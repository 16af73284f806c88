// fuzz/policy_fuzz.cc: what the parser accepts must survive a round trip unchanged.
#include <cstdlib>

#include "policy/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = berm::parse_policy(text, "fuzz.toml");
  if (!policy) return 0;  // rejecting is always allowed; crashing or hanging is not
  const auto again = berm::parse_policy(berm::to_toml(*policy), "again.toml");
  if (!again || *again != *policy) std::abort();
  return 0;
}

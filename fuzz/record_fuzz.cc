// fuzz/record_fuzz.cc: no bytes crash the checker, and none but a sealed chain are intact and
// complete.
#include <cstdint>
#include <cstdlib>

#include "record/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const berm::RecordCheck check = berm::check_record(text);
  // A fuzzer does not find a SHA-256 preimage: whatever it invents must not pass for a whole
  // record.
  if (check.intact() && check.complete) std::abort();
  return 0;
}

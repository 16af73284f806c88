// fuzz/credential_source_fuzz.cc: what parse_source() lets through, written out, is the same source
// again; the same for dates and for journals.
#include <cstdlib>
#include <string_view>

#include "base/wall_time.h"
#include "credentials/journal.h"
#include "policy/credential_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto source = berm::parse_source(text)) {
    const std::string written = berm::to_text(*source);
    const auto again = berm::parse_source(written);
    if (!again || *again != *source) std::abort();
    // It goes into URLs, argument lists and error messages.
    for (const char c : written) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
  }
  if (const auto time = berm::parse_wall_time(text)) {
    if (berm::parse_wall_time(berm::to_text(*time)) != *time) std::abort();
  }
  if (const auto journal = berm::parse_journal(text)) {
    const auto again = berm::parse_journal(berm::to_json_text(*journal));
    if (!again || berm::to_json_text(*again) != berm::to_json_text(*journal)) std::abort();
  }
  return 0;
}

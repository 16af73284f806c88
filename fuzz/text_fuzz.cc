// fuzz/text_fuzz.cc: nothing that a terminal acts on survives printable(), whatever goes in.
#include <cstdint>
#include <cstdlib>

#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string shown = berm::printable({reinterpret_cast<const char*>(data), size});
  for (std::size_t at = 0; at < shown.size();) {
    char32_t point = 0;
    const std::size_t length = berm::decode_utf8(shown, at, point);
    if (length == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0) ||
        berm::is_hidden_character(point)) {
      std::abort();
    }
    at += length;
  }
  return 0;
}

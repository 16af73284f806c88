// fuzz/client_hello_fuzz.cc: once a prefix of a connection got an answer, no bytes that follow
// change it. The first two bytes of the input say how long the prefix is.
#include <algorithm>
#include <cstdlib>

#include "rules/egress/client_hello.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::span<const std::uint8_t> bytes(data + 2, size - 2);
  const std::size_t cut = std::size_t{data[0]} << 8 | data[1];
  const berm::HelloResult part = berm::parse_client_hello(bytes.first(std::min(cut, bytes.size())));
  const berm::HelloResult whole = berm::parse_client_hello(bytes);
  if (part.state != berm::HelloState::need_more && part != whole) std::abort();
  for (const berm::HelloResult& result : {part, whole}) {
    const bool complete = result.state == berm::HelloState::complete;
    if (!complete && result.hello != berm::ClientHello{}) std::abort();
  }
  return 0;
}

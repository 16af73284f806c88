// fuzz/websocket_fuzz.cc: the frames of a stream are the same in whatever pieces it comes, and
// never hold more than it.
#include <cstdlib>
#include <vector>

#include "net/websocket.h"

namespace {

struct Read {
  std::vector<std::string> payloads;
  bool broken = false;
};

Read read(std::string_view bytes, std::size_t piece) {
  Read out;
  berm::WebSocketReader reader;
  for (std::size_t at = 0; at < bytes.size() && !out.broken; at += piece) {
    reader.feed(bytes.substr(at, piece));
    for (;;) {
      const auto frame = reader.next();
      out.broken = !frame;
      if (!frame || !*frame) break;
      out.payloads.push_back((*frame)->payload);
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Read whole = read(bytes, size + 1);
  std::size_t total = 0;
  for (const std::string& payload : whole.payloads) total += payload.size() + 2;
  if (total > size) std::abort();
  for (const std::size_t piece : {1UL, 3UL}) {
    const Read cut = read(bytes, piece);
    if (cut.payloads != whole.payloads || cut.broken != whole.broken) std::abort();
  }
  return 0;
}

// fuzz/machine_wire_fuzz.cc: what a hostile guest says: the frames do not depend on how the bytes
// are cut, none is longer than a frame may be, and after nonsense there are no more.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "init/machine_wire.h"

namespace {

using berm::init::machine::Frame;

std::vector<std::string> frames_of(const std::uint8_t* data, std::size_t size, std::size_t step) {
  berm::init::machine::FrameReader reader;
  std::vector<std::string> out;
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  bool sound = true;
  for (std::size_t at = 0; at < size && sound; at += step) {
    const std::size_t piece = std::min(step, size - at);
    if (::write(ends[1], data + at, piece) != static_cast<ssize_t>(piece)) std::abort();
    sound = reader.read_from(ends[0]);
    Frame frame{};
    const char* payload = nullptr;
    while (sound && reader.next(frame, payload)) {
      if (frame.size > berm::init::machine::kMostPayload) std::abort();
      if (frame.channel >= berm::init::machine::kMostChannels) std::abort();
      out.emplace_back(payload, frame.size);
    }
  }
  ::close(ends[0]);
  ::close(ends[1]);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = 1 + data[0];
  if (frames_of(data + 1, size - 1, step) != frames_of(data + 1, size - 1, 4096)) std::abort();
  return 0;
}

// Whatever a store gives back: what is found in it was sealed, and the same text again adds copies
// only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "record/chain.h"
#include "record/held.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  berm::HeldEvents once;
  once.add(text);
  berm::HeldEvents twice = once;
  twice.add(text);
  if (once.runs().size() != twice.runs().size()) std::abort();
  for (const auto& [run, held] : once.runs()) {
    for (const auto& [sequence, line] : held.lines) {
      const auto sealed = berm::parse_sealed(line);
      if (!sealed || !sealed->fits || sealed->sequence != sequence || sealed->run != run) {
        std::abort();
      }
    }
    if (twice.runs().at(run).lines != held.lines) std::abort();
    (void)berm::check_held(held, {});
  }
  return 0;
}

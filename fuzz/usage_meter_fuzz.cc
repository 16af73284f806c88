// fuzz/usage_meter_fuzz.cc: however the bytes of a response are split, the usage is the same, no
// prefix makes the meter keep more than a few kilobytes, and an estimate is never nothing. The
// first byte of the input is API and form, the second seeds the sizes of the pieces.
#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstdlib>

#include "rules/model/usage.h"

namespace {

std::size_t g_largest = 0;  // of all allocations since it was last cleared

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const auto seen = [](const volatile void*, std::size_t size) {
    g_largest = std::max(g_largest, size);
  };
  __sanitizer_install_malloc_and_free_hooks(seen, [](const volatile void*) {});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto api = static_cast<berm::ModelApi>(data[0] % 3);
  const auto form = data[0] & 4 ? berm::ResponseForm::json : berm::ResponseForm::event_stream;
  const auto end = data[0] & 8 ? berm::UsageMeter::End::cut : berm::UsageMeter::End::whole;
  berm::MeteredRequest request = {.api = api, .model = "m", .body_bytes = 100};
  if (data[0] & 16) request.max_tokens = 1000;

  berm::UsageMeter whole(request, form);
  berm::UsageMeter split(request, form);
  g_largest = 0;
  whole.feed(bytes);
  std::uint32_t seed = data[1];
  for (std::size_t at = 0; at < bytes.size();) {
    seed = seed * 1664525U + 1013904223U;
    const std::size_t piece = std::min<std::size_t>((seed >> 24) % 9, bytes.size() - at);
    split.feed(bytes.substr(at, piece));
    at += piece;
  }
  if (g_largest > 4096) std::abort();
  const berm::TokenUsage usage = whole.finish(end);
  if (split.finish(end) != usage) std::abort();
  if (usage.estimated && usage.output == 0) std::abort();
  if (usage.cache_write_hour > usage.cache_write) std::abort();
  return 0;
}

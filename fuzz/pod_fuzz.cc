// fuzz/pod_fuzz.cc: what a cluster and a pod say of themselves ends in words that a terminal may
// print, whatever it is.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "remote/fate.h"
#include "remote/report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = nlohmann::json::parse(data, data + size, nullptr, false);
  const berm::PodFate fate = berm::fate_of(json, size % 2 == 0);
  for (const std::string* text :
       {&fate.name, &fate.address, &fate.reason, &fate.message, &fate.waits}) {
    if (berm::printable(*text) != *text) std::abort();
  }
  (void)berm::outcome_of(fate, "");
  (void)berm::reported_outcome(json);
  (void)berm::reported_usage(json);
  return 0;
}

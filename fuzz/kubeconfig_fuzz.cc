// fuzz/kubeconfig_fuzz.cc: what is read of a kubeconfig stands in it: no alias makes it more.
#include <cstdlib>

#include "cluster/kubeconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto context = berm::read_kubeconfig(text, "fuzz", "");
  if (!context) return 0;
  std::size_t all = context->server.size() + context->name.size() + context->token.reveal().size();
  if (context->plugin) {
    for (const std::string& argument : context->plugin->arguments) all += argument.size();
  }
  // A scalar may be named by an alias each time it is used, once for each byte of the file.
  if (all > size * (size + 4)) std::abort();
  return 0;
}

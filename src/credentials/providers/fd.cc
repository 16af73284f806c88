// fd:N: a descriptor that berm was started with. The supervisor has read it to its end and sent it
// here, because descriptor numbers are not the same in this process.
#include <fmt/format.h>

#include "credentials/provider.h"

namespace berm {
namespace {

Result<Secret> read(const MintContext& context, const CredentialSource&,
                    const SourceAddress& address) {
  const auto found = context.descriptors.find(to_text(address));
  if (found == context.descriptors.end() || found->second.empty()) {
    return failure(Errc::denied,
                   fmt::format("read descriptor {}: nothing was in it", address.parts[0]),
                   fmt::format("start berm with {}</path/of/key", address.parts[0]));
  }
  const std::string_view text = found->second.reveal();
  return Secret::filled(text.size(),
                        [&](std::span<char> bytes) { text.copy(bytes.data(), bytes.size()); });
}

}  // namespace

const Provider kFd = {.scheme = SourceScheme::fd, .read = read};

}  // namespace berm

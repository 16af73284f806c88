#include "pod/place.h"

#include <fmt/format.h>

#include "base/text.h"
#include "net/dial.h"

namespace berm::pod {

Result<LinkEnd> read_link_end(const std::string& directory, const std::string& prefix) {
  constexpr std::size_t kMost = 64 << 10;
  const std::string path = directory + "/" + prefix;
  return LinkEnd{.authority = BERM_TRY(read_file(path + "ca.crt", kMost)),
                 .certificate = BERM_TRY(read_file(path + "tls.crt", kMost)),
                 .key = Secret(BERM_TRY(read_file(path + "tls.key", kMost)))};
}

Result<UniqueFd> listen_on(const std::string& at) {
  const std::optional<Destination> to = parse_authority(at);
  if (!to || !to->address) {
    return failure(Errc::usage, fmt::format("listen on '{}'", printable(at)), "write ADDRESS:PORT");
  }
  return listen_at(*to, false);
}

}  // namespace berm::pod

#include "egress/model_route.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm {

Result<ModelRoute> parse_model_route(const std::string& url) {
  ModelRoute route;
  std::string_view rest = url;
  route.tls = rest.starts_with("https://");
  if (!route.tls && !rest.starts_with("http://")) {
    return failure(Errc::usage, fmt::format("'{}' is not the URL of a model API", url));
  }
  rest.remove_prefix(route.tls ? 8 : 7);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::optional<Destination> to =
      parse_authority(rest.substr(0, slash), route.tls ? std::uint16_t{443} : std::uint16_t{80});
  if (!to) return failure(Errc::usage, fmt::format("'{}' has no plain host name and port", url));
  route.to = *to;
  route.prefix = std::string(rest.substr(slash));
  while (route.prefix.ends_with('/')) route.prefix.pop_back();
  const bool plain = route.prefix.find_first_of("?# \t\r\n") == std::string::npos &&
                     std::ranges::all_of(route.prefix, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain) return failure(Errc::usage, fmt::format("'{}' has an odd path", url));
  return route;
}

}  // namespace berm

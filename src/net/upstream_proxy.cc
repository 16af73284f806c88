#include "net/upstream_proxy.h"

#include <algorithm>
#include <cstdlib>

#include "base/base64.h"
#include "base/text.h"
#include "rules/egress/destination.h"

namespace berm {
namespace {

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::string basic_authorization(std::string_view user_and_password) {
  return "Basic " + base64(user_and_password);
}

Result<std::optional<UpstreamProxy>> host_proxy() {
  std::string url = variable("HTTPS_PROXY");
  if (url.empty()) url = variable("https_proxy");
  if (url.empty()) return std::nullopt;
  std::string_view rest = url;
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.find("://") != std::string_view::npos) {
    return failure(Errc::usage, "use the host's HTTPS_PROXY: it is no http:// proxy",
                   "name an http:// proxy, or unset HTTPS_PROXY for berm");
  }
  rest = rest.substr(0, rest.find('/'));
  UpstreamProxy proxy;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    proxy.authorization = basic_authorization(percent_decoded(rest.substr(0, at)));
    rest.remove_prefix(at + 1);
  }
  const std::optional<Destination> to = parse_authority(rest, 80);
  if (!to) {
    return failure(Errc::usage, "use the host's HTTPS_PROXY: it names no plain host and port",
                   "write http://[USER:PASSWORD@]HOST:PORT");
  }
  proxy.host = to->host;
  proxy.port = to->port;
  std::string direct = variable("NO_PROXY");
  if (direct.empty()) direct = variable("no_proxy");
  for (const std::string_view entry : split(direct, ',')) {
    const std::string name = lower(trim(entry));
    if (!name.empty()) proxy.no_proxy.push_back(name.substr(0, name.find(':')));
  }
  return proxy;
}

bool goes_direct(const UpstreamProxy& proxy, std::string_view host) {
  return std::ranges::any_of(proxy.no_proxy, [&](std::string_view entry) {
    if (entry == "*" || entry == host) return true;
    if (entry.starts_with('.')) entry.remove_prefix(1);
    return host == entry || (host.size() > entry.size() && host.ends_with(entry) &&
                             host[host.size() - entry.size() - 1] == '.');
  });
}

}  // namespace berm

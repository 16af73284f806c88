// src/net/upstream_proxy.h: the HTTP proxy that this host itself must go through.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

/// The proxy that this host itself must go through (its HTTPS_PROXY).
struct UpstreamProxy {
  std::string host;  ///< name or address
  std::uint16_t port = 0;
  std::string authorization;          ///< "Basic …" or ""
  std::vector<std::string> no_proxy;  ///< suffixes reached directly ("corp.example"), "*" = all
  bool operator==(const UpstreamProxy&) const = default;
};

/// What this host's own environment names (HTTPS_PROXY, NO_PROXY), if any.
/// @return Errc::usage for one that berm cannot use (https:// or socks:// proxies).
[[nodiscard]] Result<std::optional<UpstreamProxy>> host_proxy();

/// True if NO_PROXY names `host` (canonical): it is reached without the proxy.
[[nodiscard]] bool goes_direct(const UpstreamProxy& proxy, std::string_view host);

/// The value of an Authorization header (RFC 7617).
[[nodiscard]] std::string basic_authorization(std::string_view user_and_password);

}  // namespace berm

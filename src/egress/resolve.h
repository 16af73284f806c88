// src/egress/resolve.h: names to addresses, once, with c-ares (no NSS, no dlopen).
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace berm {

struct ResolvedAddress {
  sockaddr_storage address{};
  socklen_t length = 0;
};

/// Every address of `host`, with `port` set. Blocks at most five seconds.
[[nodiscard]] Result<std::vector<ResolvedAddress>> resolve_host(const std::string& host,
                                                                std::uint16_t port);

/// The first address whose class may be dialled; the reason if there is none.
/// @param allow_local  the user himself named this destination (the model API's gateway).
enum class LocalAddresses : std::uint8_t { refuse, allow };
[[nodiscard]] Result<ResolvedAddress> choose_address(const std::vector<ResolvedAddress>& addresses,
                                                     LocalAddresses local);

}  // namespace berm

// src/sys/socket_address.h: base/ip.h's addresses in the kernel's form and back.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "base/ip.h"

namespace berm {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
[[nodiscard]] SocketAddress socket_address(const IpAddress& address, std::uint16_t port);

/// The address of an AF_INET or AF_INET6 socket address; nullopt for another family.
[[nodiscard]] std::optional<IpAddress> ip_of(const sockaddr& address);

}  // namespace berm

// src/base/ip.h: internet addresses and networks as values. No resolver, no socket.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berm {

/// An IPv4 or IPv6 address in network byte order; IPv4 uses the first four bytes.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool v6 = false;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

/// "192.0.2.1" (four decimal parts, no leading zeros) or "2001:db8::1" (RFC 4291, no zone id).
/// nullopt for every other spelling: "127.1", "0x7f.0.0.1", "017.0.0.1", "2130706433",
/// "fe80::1%lo".
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text);
[[nodiscard]] std::string to_text(const IpAddress& address);  ///< RFC 5952 for IPv6
[[nodiscard]] IpAddress ipv4(std::uint32_t host_order);
[[nodiscard]] std::uint32_t host_order(const IpAddress& ipv4);

/// The IPv4 address that an IPv6 address carries (IPv4-mapped, -compatible, NAT64 well-known and
/// local-use, 6to4), or nullopt. What is dialled in the end is what it carries.
[[nodiscard]] std::optional<IpAddress> carried_ipv4(const IpAddress& address);

/// A network: every address that shares the first `bits` bits.
struct IpNetwork {
  IpAddress address;  ///< host bits are zero
  int bits = 0;
  friend auto operator<=>(const IpNetwork&, const IpNetwork&) = default;
  [[nodiscard]] bool contains(const IpAddress& other) const;
  [[nodiscard]] bool contains(const IpNetwork& other) const;
};

/// "10.0.0.0/8", or an address alone (all bits). nullopt if host bits are set: "10.0.0.1/8" is a
/// mistake more often than a wish.
[[nodiscard]] std::optional<IpNetwork> parse_network(std::string_view text);
[[nodiscard]] std::string to_text(const IpNetwork& network);  ///< without "/32" and "/128"

}  // namespace berm

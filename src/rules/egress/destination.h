// src/rules/egress/destination.h: where a run may go. Pure: names and addresses in, a decision out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// What a client asked for, in the one form in which it is matched and dialled.
struct Destination {
  std::string host;  ///< lower case, no trailing dot, only letters, digits, '-', '_', '.'
  std::uint16_t port = 0;
  bool operator==(const Destination&) const = default;
};

/// "host:port" of a CONNECT request. nullopt for anything else: NUL, '%', '@', brackets, addresses,
/// upper bytes, a missing port (CC 2.0.24: policy and resolver saw different strings).
[[nodiscard]] std::optional<Destination> parse_authority(std::string_view text);

/// The grant that covers `to`, or nullptr. An empty list allows nothing.
[[nodiscard]] const HostGrant* matching_grant(std::span<const HostGrant> grants,
                                              const Destination& to);

/// Why an address must not be dialled though its name was granted, or "" if it may: loopback,
/// private, link-local, metadata, multicast, documentation and reserved ranges, also wrapped in
/// IPv4-mapped, NAT64, 6to4 or Teredo form (DNS rebinding; escapes.md §3).
[[nodiscard]] std::string_view forbidden_address(std::span<const std::uint8_t, 4> ipv4);
[[nodiscard]] std::string_view forbidden_address(std::span<const std::uint8_t, 16> ipv6);

}  // namespace berm

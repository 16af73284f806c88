// src/rules/egress/destination.h: what a client asks for, in the one form that is matched, recorded
// and dialled. Pure: text in, a value out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/host_name.h"
#include "base/ip.h"

namespace berm {

/// A name or an address, and a port.
struct Destination {
  std::string host;                  ///< canonical name, or the address as text
  std::optional<IpAddress> address;  ///< set if the client named an address
  std::uint16_t port = 0;
  friend auto operator<=>(const Destination&, const Destination&) = default;
};

/// A name by base/host_name.h or an address by base/ip.h; nullopt for everything else.
[[nodiscard]] std::optional<Destination> make_destination(std::string_view host,
                                                          std::uint16_t port);

/// "host:port" or "[v6]:port", as in CONNECT and Host. nullopt for a missing or odd port too
/// ("0443", "+443", "65536"), unless `default_port` is given and there is no colon.
[[nodiscard]] std::optional<Destination> parse_authority(
    std::string_view text, std::optional<std::uint16_t> default_port = {});

[[nodiscard]] std::string to_text(const Destination& to);  ///< "a.b:443", "[::1]:80"

}  // namespace berm

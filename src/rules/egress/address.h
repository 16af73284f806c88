// src/rules/egress/address.h: which addresses may be dialled. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ip.h"

namespace berm {

enum class AddressKind : std::uint8_t {
  global,    ///< the public internet
  internal,  ///< private, carrier-grade NAT, unique local, loopback: only if granted on purpose
  never,     ///< link-local with the clouds' metadata, multicast, reserved, documentation …
};

struct AddressClass {
  AddressKind kind = AddressKind::never;
  std::string_view what;  ///< "private", "link-local, where cloud metadata lives" …; "" if global
};

/// The class of `address` by RFC 6890 and the registries behind it. A form that carries an IPv4
/// address (IPv4-mapped, NAT64, 6to4) is `never`: no honest answer of a resolver looks like that.
[[nodiscard]] AddressClass classify(const IpAddress& address);

}  // namespace berm

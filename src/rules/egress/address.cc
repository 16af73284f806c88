#include "rules/egress/address.h"

#include <array>

namespace berm {
namespace {

struct Range {
  std::string_view network;
  AddressKind kind;
  std::string_view what;
};

// The first that contains the address counts.
// clang-format off
constexpr Range kRanges[] = {
    {"168.63.129.16",   AddressKind::never,    "a cloud's host service"},  // Azure WireServer
    {"100.100.100.200", AddressKind::never,    "cloud metadata"},          // Alibaba
    {"0.0.0.0/8",       AddressKind::never,    "this network"},
    {"10.0.0.0/8",      AddressKind::internal, "private"},
    {"100.64.0.0/10",   AddressKind::internal, "carrier-grade NAT"},
    {"127.0.0.0/8",     AddressKind::internal, "loopback"},
    {"169.254.0.0/16",  AddressKind::never,    "link-local, where cloud metadata lives"},
    {"172.16.0.0/12",   AddressKind::internal, "private"},
    {"192.0.0.0/24",    AddressKind::never,    "IETF protocol"},
    {"192.0.2.0/24",    AddressKind::never,    "documentation"},
    {"192.88.99.0/24",  AddressKind::never,    "6to4 relay"},
    {"192.168.0.0/16",  AddressKind::internal, "private"},
    {"198.18.0.0/15",   AddressKind::never,    "benchmarking"},
    {"198.51.100.0/24", AddressKind::never,    "documentation"},
    {"203.0.113.0/24",  AddressKind::never,    "documentation"},
    {"224.0.0.0/4",     AddressKind::never,    "multicast"},
    {"240.0.0.0/4",     AddressKind::never,    "reserved"},
    {"::",              AddressKind::never,    "unspecified"},
    {"::1",             AddressKind::internal, "loopback"},
    {"fd00:ec2::/32",   AddressKind::never,    "cloud metadata"},          // AWS over IPv6
    {"fd20:ce::/32",    AddressKind::never,    "cloud metadata"},          // Google over IPv6
    {"fc00::/7",        AddressKind::internal, "unique local"},
    {"fe80::/10",       AddressKind::never,    "link-local"},
    {"ff00::/8",        AddressKind::never,    "multicast"},
    {"2001::/32",       AddressKind::never,    "Teredo"},
    {"2001:db8::/32",   AddressKind::never,    "documentation"},
    {"3fff::/20",       AddressKind::never,    "documentation"},
    {"2001::/23",       AddressKind::never,    "IETF protocol"},
};
// clang-format on

struct ParsedRange {
  IpNetwork network;
  const Range* range;
};

const std::array<ParsedRange, std::size(kRanges)>& parsed_ranges() {
  static const auto kParsed = [] {
    std::array<ParsedRange, std::size(kRanges)> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = {*parse_network(kRanges[i].network), &kRanges[i]};
    }
    return out;
  }();
  return kParsed;
}

}  // namespace

AddressClass classify(const IpAddress& address) {
  if (carried_ipv4(address)) {
    const AddressClass inner = classify(*carried_ipv4(address));
    return {AddressKind::never,
            inner.what.empty() ? "an IPv4 address in IPv6 clothes" : inner.what};
  }
  for (const ParsedRange& parsed : parsed_ranges()) {
    if (parsed.network.contains(address)) return {parsed.range->kind, parsed.range->what};
  }
  if (!address.v6) return {AddressKind::global, ""};
  // 2000::/3 is all that has been given out (RFC 4291 §2.4).
  if ((address.bytes[0] & 0xe0) == 0x20) return {AddressKind::global, ""};
  return {AddressKind::never, "not global unicast"};
}

}  // namespace berm

#include "rules/egress/destination.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "policy/merge.h"

namespace berm {
namespace {

struct Range4 {
  std::uint32_t network;
  int bits;
  std::string_view what;
};
// RFC 6890 and the registries behind it.
constexpr Range4 kForbidden4[] = {
    {0x00000000, 8, "this network"},
    {0x0a000000, 8, "private"},
    {0x64400000, 10, "carrier-grade NAT"},
    {0x7f000000, 8, "loopback"},
    {0xa9fe0000, 16, "link-local, where cloud metadata lives"},
    {0xac100000, 12, "private"},
    {0xc0000000, 24, "IETF protocol"},
    {0xc0000200, 24, "documentation"},
    {0xc0a80000, 16, "private"},
    {0xc6120000, 15, "benchmarking"},
    {0xc6336400, 24, "documentation"},
    {0xcb007100, 24, "documentation"},
    {0xe0000000, 4, "multicast"},
    {0xf0000000, 4, "reserved"},
    {0xa83f8110, 32, "cloud host service"},  // 168.63.129.16
};

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  const std::vector<std::string_view> labels = split(host, '.');
  const bool well_formed = std::ranges::all_of(labels, [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
           });
  });
  // A name whose last label is a number is an address to somebody's parser ("127.1", "0x7f.1").
  const std::string_view last = labels.back();
  const bool numeric = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; }) ||
                       last.starts_with("0x");
  return well_formed && !numeric;
}

bool starts_with(std::span<const std::uint8_t, 16> address, std::initializer_list<int> prefix) {
  return std::ranges::equal(prefix, address.first(prefix.size()),
                            [](int a, std::uint8_t b) { return a == b; });
}

}  // namespace

std::optional<Destination> parse_authority(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Destination to{.host = lower(text.substr(0, colon))};
  if (to.host.ends_with('.')) to.host.pop_back();
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0 || port > 65535) {
    return std::nullopt;
  }
  if (!is_host(to.host)) return std::nullopt;
  to.port = static_cast<std::uint16_t>(port);
  return to;
}

const HostGrant* matching_grant(std::span<const HostGrant> grants, const Destination& to) {
  const HostGrant wanted{.pattern = to.host, .port = to.port};
  const auto found =
      std::ranges::find_if(grants, [&](const HostGrant& grant) { return covers(grant, wanted); });
  return found == grants.end() ? nullptr : &*found;
}

std::string_view forbidden_address(std::span<const std::uint8_t, 4> ipv4) {
  const std::uint32_t address = (std::uint32_t{ipv4[0]} << 24) | (std::uint32_t{ipv4[1]} << 16) |
                                (std::uint32_t{ipv4[2]} << 8) | ipv4[3];
  for (const Range4& range : kForbidden4) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.bits);
    if ((address & mask) == range.network) return range.what;
  }
  return "";
}

std::string_view forbidden_address(std::span<const std::uint8_t, 16> ipv6) {
  // Forms that carry an IPv4 address: judge what they carry.
  if (starts_with(ipv6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {
    return forbidden_address(std::span<const std::uint8_t, 4>(ipv6.subspan<12, 4>()));
  }
  if (starts_with(ipv6, {0, 0x64, 0xff, 0x9b})) {
    return forbidden_address(std::span<const std::uint8_t, 4>(ipv6.subspan<12, 4>()));
  }
  if (starts_with(ipv6, {0x20, 0x02})) {
    return forbidden_address(std::span<const std::uint8_t, 4>(ipv6.subspan<2, 4>()));
  }
  if (starts_with(ipv6, {0x20, 0x01, 0x00, 0x00})) return "Teredo";
  if (starts_with(ipv6, {0, 0, 0, 0, 0, 0, 0, 0})) {
    return "unspecified, loopback or IPv4-compatible";
  }
  if (starts_with(ipv6, {0x20, 0x01, 0x0d, 0xb8})) return "documentation";
  if ((ipv6[0] & 0xfe) == 0xfc) return "unique local";
  if (ipv6[0] == 0xfe) return "link-local or site-local";
  if (ipv6[0] == 0xff) return "multicast";
  return (ipv6[0] & 0xe0) == 0x20 ? "" : "not global unicast";
}

}  // namespace berm

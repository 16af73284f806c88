#include "rules/egress/socks.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace berm {
namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kNoAcceptableMethod = 0xff;
constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kDomainName = 3;
constexpr std::uint8_t kIpv6 = 4;
constexpr std::size_t kBeforeAddress = 4;  // VER CMD RSV ATYP

std::uint16_t u16_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::string hexadecimal(std::uint16_t group) {
  std::array<char, 4> digits{};
  char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), group, 16).ptr;
  return {digits.data(), end};
}

std::string format_ipv4(std::span<const std::uint8_t> address) {
  std::string text = std::to_string(address[0]);
  for (const std::uint8_t byte : address.subspan(1)) text += '.' + std::to_string(byte);
  return text;
}

// RFC 5952 §4: no leading zeros, lower case, "::" for the first longest run of at least two zeros;
// §5: an IPv4-mapped address ends in dots.
std::string format_ipv6(std::span<const std::uint8_t> address) {
  std::size_t run = 8;
  std::size_t run_length = 1;
  for (std::size_t start = 0; start < 8; ++start) {
    std::size_t end = start;
    while (end < 8 && u16_at(address, 2 * end) == 0) ++end;
    if (end - start <= run_length) continue;
    run = start;
    run_length = end - start;
  }
  if (run == 0 && run_length == 5 && u16_at(address, 10) == 0xffff) {
    return "::ffff:" + format_ipv4(address.subspan(12, 4));
  }
  std::string text;
  for (std::size_t group = 0; group < 8; ++group) {
    if (group == run) {
      text += "::";
      group += run_length - 1;
      continue;
    }
    if (!text.empty() && !text.ends_with(':')) text += ':';
    text += hexadecimal(u16_at(address, 2 * group));
  }
  return text;
}

SocksRequestResult malformed(SocksCode refusal) {
  return {.state = SocksState::malformed, .refusal = refusal};
}

}  // namespace

SocksGreeting parse_socks_greeting(std::span<const std::uint8_t> bytes) {
  if (!bytes.empty() && bytes[0] != kVersion) return {.state = SocksState::malformed};
  if (bytes.size() < 2) return {};
  const std::size_t methods = bytes[1];
  if (methods == 0) return {.state = SocksState::malformed};
  if (bytes.size() < 2 + methods) return {};
  return {
      .state = SocksState::complete,
      .consumed = 2 + methods,
      .no_authentication = std::ranges::count(bytes.subspan(2, methods), kNoAuthentication) != 0};
}

std::array<std::uint8_t, 2> socks_method_reply(const SocksGreeting& greeting) {
  return {kVersion, greeting.no_authentication ? kNoAuthentication : kNoAcceptableMethod};
}

SocksRequestResult parse_socks_request(std::span<const std::uint8_t> bytes) {
  if (!bytes.empty() && bytes[0] != kVersion) return malformed(SocksCode::general_failure);
  if (bytes.size() >= 3 && bytes[2] != 0) return malformed(SocksCode::general_failure);
  if (bytes.size() < kBeforeAddress) return {};
  const std::uint8_t kind = bytes[3];
  std::size_t start = kBeforeAddress;
  std::size_t size = kind == kIpv4 ? 4 : 16;
  if (kind == kDomainName) {
    if (bytes.size() == start) return {};
    size = bytes[start++];
    if (size == 0) return malformed(SocksCode::general_failure);
  } else if (kind != kIpv4 && kind != kIpv6) {
    return malformed(SocksCode::address_type_not_supported);
  }
  if (bytes.size() < start + size + 2) return {};
  const auto address = bytes.subspan(start, size);
  SocksRequest request{.command = static_cast<SocksCommand>(bytes[1]),
                       .is_address = kind != kDomainName,
                       .port = u16_at(bytes, start + size)};
  if (kind == kDomainName) request.host.assign(address.begin(), address.end());
  if (kind == kIpv4) request.host = format_ipv4(address);
  if (kind == kIpv6) request.host = format_ipv6(address);
  return {.state = SocksState::complete, .consumed = start + size + 2, .request = request};
}

std::array<std::uint8_t, 10> socks_reply(SocksCode code) {
  return {kVersion, static_cast<std::uint8_t>(code), 0, kIpv4};
}

}  // namespace berm

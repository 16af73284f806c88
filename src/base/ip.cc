#include "base/ip.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/text.h"

namespace berm {
namespace {

template <class T>
bool whole_number(std::string_view text, T& out, int base, std::size_t digits) {
  if (text.empty() || text.size() > digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_v4(std::string_view text, std::uint8_t* out) {
  const std::vector<std::string_view> parts = split(text, '.');
  if (parts.size() != 4) return false;
  for (std::size_t i = 0; i < 4; ++i) {
    // A leading zero means octal to some parsers and decimal to others.
    if (parts[i].size() > 1 && parts[i].front() == '0') return false;
    if (!whole_number(parts[i], out[i], 10, 3)) return false;
  }
  return true;
}

// One side of "::" (or the whole address) to bytes.
std::optional<std::vector<std::uint8_t>> parse_groups(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  if (text.empty()) return bytes;
  const std::vector<std::string_view> groups = split(text, ':');
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::uint16_t group = 0;
    std::uint8_t v4[4];
    if (whole_number(groups[i], group, 16, 4)) {
      bytes.push_back(static_cast<std::uint8_t>(group >> 8));
      bytes.push_back(static_cast<std::uint8_t>(group & 0xff));
    } else if (i + 1 == groups.size() && parse_v4(groups[i], v4)) {
      bytes.insert(bytes.end(), std::begin(v4), std::end(v4));
    } else {
      return std::nullopt;
    }
    if (bytes.size() > 16) return std::nullopt;
  }
  return bytes;
}

bool parse_v6(std::string_view text, std::array<std::uint8_t, 16>& out) {
  const std::size_t gap = text.find("::");
  const auto head = parse_groups(text.substr(0, gap));
  if (!head) return false;
  if (gap == std::string_view::npos) {
    std::ranges::copy(*head, out.begin());
    return head->size() == 16;
  }
  // A dotted quad may only end an address, so not the part before "::".
  if (text.substr(0, gap).find('.') != std::string_view::npos) return false;
  const auto tail = parse_groups(text.substr(gap + 2));
  if (!tail || head->size() + tail->size() > 14) return false;
  std::ranges::copy(*head, out.begin());
  std::ranges::copy(*tail, out.end() - static_cast<std::ptrdiff_t>(tail->size()));
  return true;
}

bool starts_with(const IpAddress& address, std::initializer_list<int> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.bytes.begin(),
                    [](int a, std::uint8_t b) { return a == b; });
}

IpAddress v4_at(const IpAddress& address, std::size_t offset) {
  IpAddress out;
  std::copy_n(address.bytes.begin() + static_cast<std::ptrdiff_t>(offset), 4, out.bytes.begin());
  return out;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  IpAddress address;
  if (parse_v4(text, address.bytes.data())) return address;
  address = {.bytes = {}, .v6 = true};
  if (text.find(':') == std::string_view::npos || !parse_v6(text, address.bytes)) {
    return std::nullopt;
  }
  return address;
}

std::string to_text(const IpAddress& address) {
  const auto& b = address.bytes;
  if (!address.v6) return fmt::format("{}.{}.{}.{}", b[0], b[1], b[2], b[3]);
  // RFC 5952: the longest run of zero groups, the first of equals, at least two, becomes "::".
  unsigned groups[8];
  for (std::size_t i = 0; i < 8; ++i) groups[i] = (unsigned{b[2 * i]} << 8) | b[2 * i + 1];
  std::size_t best = 8;
  std::size_t best_length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > best_length) {
      best = i;
      best_length = end - i;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    out += fmt::format("{}{:x}", out.empty() || out.ends_with(':') ? "" : ":", groups[i]);
  }
  return out;
}

IpAddress ipv4(std::uint32_t host_order) {
  IpAddress out;
  for (std::size_t i = 0; i < 4; ++i) {
    out.bytes[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return out;
}

std::uint32_t host_order(const IpAddress& ipv4) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = (out << 8) | ipv4.bytes[i];
  return out;
}

std::optional<IpAddress> carried_ipv4(const IpAddress& address) {
  if (!address.v6) return std::nullopt;
  if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return v4_at(address, 12);
  if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0})) return v4_at(address, 12);
  if (starts_with(address, {0, 0x64, 0xff, 0x9b})) return v4_at(address, 12);  // NAT64, RFC 6052
  if (starts_with(address, {0x20, 0x02})) return v4_at(address, 2);            // 6to4, RFC 3056
  return std::nullopt;
}

bool IpNetwork::contains(const IpAddress& other) const {
  if (address.v6 != other.v6) return false;
  for (int bit = 0; bit < bits; bit += 8) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const int left = std::min(8, bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - left));
    if ((address.bytes[at] & mask) != (other.bytes[at] & mask)) return false;
  }
  return true;
}

bool IpNetwork::contains(const IpNetwork& other) const {
  return bits <= other.bits && contains(other.address);
}

std::optional<IpNetwork> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpNetwork network{.address = *address, .bits = address->v6 ? 128 : 32};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  int bits = 0;
  if ((digits.size() > 1 && digits.front() == '0') || !whole_number(digits, bits, 10, 3) ||
      bits < 0 || bits > network.bits) {
    return std::nullopt;
  }
  network.bits = bits;
  for (int bit = bits; bit < (address->v6 ? 128 : 32); ++bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    if ((address->bytes[at] & (0x80 >> (bit % 8))) != 0) return std::nullopt;
  }
  return network;
}

std::string to_text(const IpNetwork& network) {
  const int all = network.address.v6 ? 128 : 32;
  return network.bits == all ? to_text(network.address)
                             : fmt::format("{}/{}", to_text(network.address), network.bits);
}

}  // namespace berm

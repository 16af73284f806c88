#include "rules/egress/destination.h"

#include <fmt/format.h>

#include <charconv>

namespace berm {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || text.size() > 5 || text.front() == '0') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

}  // namespace

std::optional<Destination> make_destination(std::string_view host, std::uint16_t port) {
  if (port == 0) return std::nullopt;
  if (const std::optional<IpAddress> address = parse_ip(host)) {
    return Destination{.host = to_text(*address), .address = address, .port = port};
  }
  std::optional<std::string> name = canonical_host(host);
  if (!name) return std::nullopt;
  return Destination{.host = *std::move(name), .address = {}, .port = port};
}

std::optional<Destination> parse_authority(std::string_view text,
                                           std::optional<std::uint16_t> default_port) {
  std::string_view host = text;
  std::string_view after;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    after = text.substr(end + 1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    after = text.substr(colon);
  }
  std::optional<std::uint16_t> port = default_port;
  if (!after.empty()) port = after.front() == ':' ? parse_port(after.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  const std::optional<Destination> to = make_destination(host, *port);
  if (!to || bracketed != (to->address && to->address->v6)) return std::nullopt;
  return to;
}

std::string to_text(const Destination& to) {
  const bool v6 = to.address && to.address->v6;
  return v6 ? fmt::format("[{}]:{}", to.host, to.port) : fmt::format("{}:{}", to.host, to.port);
}

}  // namespace berm

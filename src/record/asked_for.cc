#include "record/asked_for.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/host_name.h"
#include "base/ip.h"
#include "record/fields.h"

namespace berm {
namespace {

using nlohmann::json;

// "host:port", or "" for an event that names no destination.
std::string destination_of(const json& data) {
  const auto port = data.find("port");
  const std::string host = text_of(data, "host");
  if (port == data.end() || !port->is_number_unsigned() || *port == 0U || *port > 65535U) return "";
  const bool name = canonical_host(host) == host;
  const std::optional<IpAddress> address = parse_ip(host);
  if (!name && !address) return "";
  const bool v6 = address && address->v6;
  const auto number = port->get<std::uint64_t>();
  return v6 ? fmt::format("[{}]:{}", host, number) : fmt::format("{}:{}", host, number);
}

}  // namespace

std::vector<AskedFor> asked_for(const std::vector<json>& events) {
  std::map<std::string, AskedFor> found;
  for (const json& event : events) {
    if (!event.is_object() || !event.contains("data") || !event["data"].is_object()) continue;
    const json& data = event["data"];
    const std::string type = text_of(event, "type");
    const std::string rule = text_of(data, "rule");
    const bool learned = type == "net.allowed" && rule == "learn";
    if (!learned && !(type == "net.denied" && rule == "network.allow")) continue;
    const std::string destination = destination_of(data);
    if (destination.empty()) continue;
    AskedFor& one = found[destination];
    one.destination = destination;
    ++one.times;
    one.learned = one.learned || learned;
  }
  std::vector<AskedFor> out;
  for (const auto& [key, one] : found) out.push_back(one);
  std::ranges::stable_sort(out, std::ranges::greater{}, &AskedFor::times);
  return out;
}

}  // namespace berm

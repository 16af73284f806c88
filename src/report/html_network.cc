// Hosts and denials of a page.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "record/asked_for.h"
#include "record/chain.h"
#include "report/html_events.h"
#include "report/html_parts.h"
#include "report/html_value.h"

namespace berm::html {
namespace {

using nlohmann::json;

constexpr std::size_t kMostHosts = 5000;
constexpr std::size_t kMostRules = 1000;

struct Host {
  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;
  std::uint64_t requests = 0;
  std::uint64_t sent = 0;  ///< over connections that were closed
  std::uint64_t received = 0;
  std::uint64_t asked = 0;  ///< bytes of requests: of connections that never told their end
  std::uint64_t answered = 0;
  bool model = false;
  std::string rule;  ///< of the first decision
};

void count_event(const std::string& type, const json& data, Host& host) {
  host.model = host.model || type == "model.request" || raw_text(data, "via") == "model";
  if (type == "net.allowed") ++host.allowed;
  if (type == "net.denied" || type == "net.attempt") ++host.denied;
  if (host.rule.empty()) host.rule = text(data, "rule", 128);
  if (type == "net.closed") {
    host.sent += count(data, "sent");
    host.received += count(data, "received");
  }
  if (type == "http.request" || type == "model.request") {
    ++host.requests;
    host.asked += count(data, "sent");
    host.answered += count(data, "received");
  }
}

bool is_of_network(const std::string& type) {
  return type == "net.allowed" || type == "net.denied" || type == "net.attempt" ||
         type == "net.closed" || type == "http.request" || type == "model.request";
}

struct Refused {
  std::uint64_t times = 0;
  std::string what;  ///< type of the event
  std::string example;
  std::string reason;
  std::string line;  ///< of the policy that would let it pass
  std::uint64_t event = 0;
};

std::string example_of(const std::string& type, const json& data) {
  if (type.starts_with("net.")) {
    return type == "net.attempt" ? text(data, "address", 128) : place_of(data);
  }
  const std::string words = words_of(member(data, "argv"), 200);
  if (!words.empty()) return words;
  const std::string tool = text(data, "tool", 64);
  return tool.empty() ? text(data, "executable", 200) : tool + "  " + text(data, "input", 200);
}

// A string of TOML: JSON's escapes are its own.
std::string in_quotes(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

// What in [tools] would let the call pass; "" = nothing there would.
std::string tool_line(const std::string& type, const json& data, std::string_view rule) {
  constexpr std::string_view kDeny = "tools.deny ";
  constexpr std::string_view kAsk = "tools.ask ";
  if (rule.starts_with(kDeny)) {
    return fmt::format("deny without {}", in_quotes(std::string(rule.substr(kDeny.size()))));
  }
  std::string pattern;
  if (rule.starts_with(kAsk)) pattern = rule.substr(kAsk.size());
  if (rule.starts_with("pack ") && type == "exec") {
    pattern = fmt::format("Exec({})", words_of(member(data, "argv"), 200));
  } else if (rule.starts_with("pack ")) {
    const json input = parse_event(raw_text(data, "input"));
    const std::string& command = raw_text(input, "command");
    const std::string& about = command.empty() ? raw_text(input, "file_path") : command;
    pattern =
        fmt::format("{}({})", command.empty() ? text(data, "tool", 64) : "Bash", shown(about, 200));
    if (about.empty() || about.size() > 200) pattern.clear();
  }
  return pattern.empty() ? "" : fmt::format("allow = [{}]", in_quotes(pattern));
}

}  // namespace

json hosts_part(const Events& events) {
  std::map<std::string, Host> hosts;
  for (const json& event : events) {
    const std::string& type = raw_text(event, "type");
    if (!is_of_network(type)) continue;
    const json& data = member(event, "data");
    const std::string name = type == "net.attempt" ? text(data, "address", 256) : place_of(data);
    if (hosts.size() == kMostHosts && !hosts.contains(name)) continue;
    count_event(type, data, hosts[name]);
  }
  json out = json::array();
  for (const auto& [name, host] : hosts) {
    const bool closed = host.sent + host.received > 0;
    out.push_back({name, host.allowed, host.denied, host.requests, closed ? host.sent : host.asked,
                   closed ? host.received : host.answered, host.model, host.rule});
  }
  return out;
}

json denials_part(const Events& events) {
  json network = json::array();
  for (const AskedFor& one : asked_for(events)) {
    if (network.size() == kMostRules) break;
    const std::string name = shown(one.destination, 512);
    network.push_back({name, one.times, one.learned, fmt::format("allow = [\"{}\"]", name)});
  }
  std::map<std::string, Refused> rules;
  for (const json& event : events) {
    const std::string& type = raw_text(event, "type");
    const json& data = member(event, "data");
    // What the guard refuses has a part of its own.
    const bool denied =
        type == "net.denied" || (type != "guard" && raw_text(data, "decision") == "deny");
    if (!denied || (type == "net.denied" && raw_text(data, "rule") == "network.allow")) continue;
    const std::string rule = text(data, "rule", 128);
    if (rules.size() == kMostRules && !rules.contains(rule)) continue;
    Refused& one = rules[rule];
    if (one.times++ > 0) continue;
    one.what = shown(type, 64);
    one.example = example_of(type, data);
    one.reason = text(data, "reason", 1000);
    one.event = count(event, "seq");
    one.line = tool_line(type, data, raw_text(data, "rule"));
  }
  json by_rule = json::array();
  for (const auto& [rule, one] : rules) {
    by_rule.push_back({rule, one.times, one.what, one.example, one.reason, one.event, one.line});
  }
  return {{"network", std::move(network)}, {"rules", std::move(by_rule)}};
}

}  // namespace berm::html

#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "policy/bundles.h"
#include "policy/parse_parts.h"

namespace berm {

Result<std::string> env_name(std::string_view text) {
  BERM_TRY(check_env_name(text));
  return std::string(text);
}

Result<Bytes> positive_bytes(std::string_view text) {
  const Bytes bytes = BERM_TRY(parse_bytes(text));
  if (bytes.count == 0) return failure(Errc::invalid_policy, "a limit of 0 would stop every run");
  return bytes;
}

Result<Milliseconds> positive_time(std::string_view text) {
  const Milliseconds time = BERM_TRY(parse_duration(text));
  if (time.count() == 0) return failure(Errc::invalid_policy, "a limit of 0 would stop every run");
  return time;
}

Result<std::string> http_method(std::string_view text) {
  const bool upper = !text.empty() && text.size() <= 16 &&
                     std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (upper && text != "CONNECT" && text != "TRACE") return std::string(text);
  return failure(
      Errc::invalid_policy,
      fmt::format("'{}' is not a method that can be granted (\"GET\", \"POST\" …)", text));
}

Result<std::string> url_path(std::string_view text) {
  if (!text.starts_with('/') || text.find_first_of("%?#\\ ") != std::string_view::npos) {
    return failure(
        Errc::invalid_policy,
        fmt::format("'{}' is not a path pattern: begin with '/', no query, no '%'", text));
  }
  return std::string(text);
}

namespace {

Result<std::string> content_type(std::string_view text) {
  constexpr std::string_view kType = "abcdefghijklmnopqrstuvwxyz0123456789.+-/";
  const std::string type = lower(text);
  if (type.find('/') == std::string::npos || type.find_first_not_of(kType) != std::string::npos) {
    return failure(Errc::invalid_policy,
                   fmt::format("'{}' is not a content type like \"application/json\"", text));
  }
  return type;
}

Result<HostGrant> no_bundle(std::string_view text) {
  HostGrant grant = BERM_TRY(parse_host_grant(text));
  if (!grant.pattern.starts_with('@')) return grant;
  return failure(Errc::invalid_policy,
                 fmt::format("'{}': a bundle can only be allowed; name the hosts", text));
}

Result<HostGrant> exact_with_port(std::string_view text) {
  HostGrant grant = BERM_TRY(parse_host_grant(text));
  const bool exact = !grant.pattern.starts_with('*') && !grant.pattern.starts_with('@');
  if (exact && grant.port != 0) return grant;
  return failure(Errc::invalid_policy,
                 fmt::format("'{}': name one host and its port, \"git.corp.example:443\"", text));
}

void read_rule(PolicySource& source, const toml::table& table, NetworkRule& out) {
  TableReader reader(source, table, "network.rule");
  const auto host = reader.parsed<HostGrant>("host", parse_host_grant);
  out.methods =
      reader.parsed_list<std::string>("methods", http_method).value_or(std::vector<std::string>{});
  out.paths =
      reader.parsed_list<std::string>("paths", url_path).value_or(std::vector<std::string>{});
  out.content_types = reader.parsed_list<std::string>("content_types", content_type)
                          .value_or(std::vector<std::string>{});
  out.max_upload = reader.parsed<Bytes>("max_upload", parse_bytes);
  out.websocket = reader.boolean("websocket").value_or(false);
  reader.finish();
  if (source.error) return;
  const bool by_name = host && !host->pattern.starts_with('@') && !parse_network(host->pattern) &&
                       host->port == 0 && !host->any_port;
  if (!by_name || out.methods.empty() || out.paths.empty()) {
    source.report(table.source().begin,
                  "[[network.rule]] needs 'host' (a name without port), 'methods' and 'paths'");
    return;
  }
  out.host = host->pattern;
}

void read_budget(PolicySource& source, const toml::table& table, const char* name,
                 NetworkBudget& out) {
  TableReader reader(source, table, name);
  out.bytes = reader.parsed<Bytes>("bytes", positive_bytes);
  out.upload = reader.parsed<Bytes>("upload", positive_bytes);
  out.connections = reader.unsigned_number("connections");
  out.requests = reader.unsigned_number("requests");
  reader.finish();
}

}  // namespace

void read_network(PolicySource& source, const toml::table& table, PolicyLayer::Network& out) {
  TableReader reader(source, table, "network");
  out.mode = reader.parsed<NetworkMode>("mode", one_of<NetworkMode>("network mode"));
  out.allow = reader.parsed_list<HostGrant>("allow", parse_host_grant);
  out.deny = reader.parsed_list<HostGrant>("deny", no_bundle);
  out.internal = reader.parsed_list<HostGrant>("internal", exact_with_port);
  out.opaque = reader.parsed_list<HostGrant>("opaque", no_bundle);
  if (const toml::array* rules = reader.array("rule")) {
    for (const toml::node& node : *rules) {
      const auto* rule = node.as_table();
      if (rule == nullptr) source.report(node.source().begin, "[[network.rule]] must be a table");
      if (source.error) return;
      read_rule(source, *rule, out.rules.emplace_back());
    }
  }
  if (const auto* budget = reader.table("budget")) {
    read_budget(source, *budget, "network.budget", out.budget);
  }
  if (const auto* each = reader.table("per_host")) {
    read_budget(source, *each, "network.per_host", out.per_host);
  }
  reader.finish();
  if (source.error) return;
  for (std::size_t i = 0; out.allow && i < out.allow->size(); ++i) {
    const std::string& pattern = (*out.allow)[i].pattern;
    if (!pattern.starts_with('@')) continue;
    const Result<Bundle> bundle = find_bundle(pattern);
    if (bundle) continue;
    source.report(table.get("allow")->as_array()->get(i)->source().begin, bundle.error().what);
    return;
  }
  const bool grants = (out.allow && !out.allow->empty()) || !out.rules.empty();
  if (out.mode == NetworkMode::none && grants) {
    source.report(table.get("mode")->source().begin, "mode = \"none\" contradicts a list of hosts");
  }
}

}  // namespace berm

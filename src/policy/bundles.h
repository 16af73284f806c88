// src/policy/bundles.h: named lists of hosts, "@node" in a policy. The lists are data:
// src/policy/bundles/*.txt, built in. The hosts of package registries are never in them: they are
// what the clients of this host are configured for (host/registries.h).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace berm {

/// A host that a package client of this host fetches from, and where that is written.
struct RegistryHost {
  std::string host;        ///< Canonical, as in HostGrant: no wildcard, no address.
  std::uint16_t port = 0;  ///< As the URL says it; 443 for https, 80 for http.
  std::string source;      ///< "~/.npmrc", "npm's default"
  friend auto operator<=>(const RegistryHost&, const RegistryHost&) = default;
};

/// By client ("npm", "pip", …). A client without an entry names no registry on this host.
struct RegistryHosts {
  std::map<std::string, std::vector<RegistryHost>> hosts;
  /// What was found and not taken, one sentence each. Never holds a URL: it may hold a password.
  std::map<std::string, std::vector<std::string>> notes;
  bool operator==(const RegistryHosts&) const = default;
};

/// One bundle as its file says it.
struct Bundle {
  std::string name;                     ///< without '@'
  std::string source;                   ///< whose documentation names these hosts
  std::string reviewed;                 ///< yyyy-mm-dd
  std::vector<HostGrant> grants;        ///< A line without a port grants 443 only.
  std::vector<std::string> registries;  ///< clients, "npm"
  bool operator==(const Bundle&) const = default;
};

/// Parses one file:
///
///   # source: whose documentation
///   # reviewed: 2026-11-22
///   @registry npm
///   nodejs.org  # why
///   *.cdn.example.com:8443
///
/// @return Errc::internal naming bundle and line: a header that is missing, an unknown client, a
///         grant that parse_host_grant() refuses, an address, a single label, a bundle inside a
///         bundle, a line that stands twice.
[[nodiscard]] Result<Bundle> parse_bundle(std::string_view name, std::string_view text);

/// The names of the built-in bundles, without '@', sorted.
[[nodiscard]] std::span<const std::string_view> bundle_names();

/// @param name  "@node" or "node".
/// @return Errc::invalid_policy if there is no such bundle, with the nearest name.
[[nodiscard]] Result<Bundle> find_bundle(std::string_view name);

/// What a bundle grants on a host whose clients are configured as `hosts` says. A client without a
/// registry is no error: `notes` gets a sentence, the rest is granted.
/// @return Errc::invalid_policy if there is no such bundle.
[[nodiscard]] Result<std::vector<HostGrant>> expand_bundle(std::string_view name,
                                                           const RegistryHosts& hosts,
                                                           std::vector<std::string>& notes);

/// `grants` with every "@bundle" replaced by what it grants; each grant once, order kept.
[[nodiscard]] Result<std::vector<HostGrant>> expand_bundles(std::span<const HostGrant> grants,
                                                            const RegistryHosts& hosts,
                                                            std::vector<std::string>& notes);

/// The clients whose configuration expand_bundles(`grants`) needs. Empty: nothing has to be read.
[[nodiscard]] std::set<std::string> registry_clients(std::span<const HostGrant> grants);

/// Where a grant that `bundle` expanded to comes from, for who reads the plan: "npm: ~/.npmrc", or
/// "" if the bundle's own list names it.
[[nodiscard]] std::string origin_of(const HostGrant& grant, std::string_view bundle,
                                    const RegistryHosts& hosts);

}  // namespace berm

#include "policy/bundles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/bundle_files.h"
#include "policy/parse.h"

namespace berm {
namespace {

/// A package client, and what it calls the place it fetches from.
struct Client {
  std::string_view name;
  std::string_view place;
};
constexpr Client kClients[] = {
    {"npm", "registry"},   {"pip", "index"},           {"cargo", "registry"},
    {"go", "proxy"},       {"maven", "repository"},    {"gem", "source"},
    {"nuget", "source"},   {"composer", "repository"}, {"apt", "mirror"},
    {"dnf", "repository"}, {"apk", "repository"},      {"cabal", "repository"},
    {"pub", "repository"}, {"cpan", "mirror"},         {"terraform", "provider mirror"},
};

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kBundleFiles)> names{};
  std::ranges::transform(kBundleFiles, names.begin(), &BundleFile::name);
  return names;
}();

std::string_view without_at(std::string_view name) {
  return name.starts_with('@') ? name.substr(1) : name;
}

bool is_date(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  return std::ranges::equal(text, kForm, [](char c, char form) {
    return form == 'd' ? c >= '0' && c <= '9' : c == form;
  });
}

// One line without its comment. @return what is wrong with it, or "".
std::string read_line(std::string_view line, Bundle& bundle) {
  constexpr std::string_view kRegistry = "@registry ";
  if (line.starts_with(kRegistry)) {
    const std::string_view client = trim(line.substr(kRegistry.size()));
    if (std::ranges::find(kClients, client, &Client::name) == std::end(kClients)) {
      return fmt::format("there is no client '{}'", client);
    }
    if (std::ranges::find(bundle.registries, client) != bundle.registries.end()) return "twice";
    bundle.registries.emplace_back(client);
    return "";
  }
  Result<HostGrant> grant = parse_host_grant(line);
  if (!grant) return grant.error().what;
  if (grant->pattern.starts_with('@')) return "a bundle names hosts, not bundles";
  const std::size_t dot = grant->pattern.rfind('.');
  if (dot == std::string::npos) return "one label is no public name";
  const std::string_view last = std::string_view(grant->pattern).substr(dot + 1);
  if (last.front() >= '0' && last.front() <= '9') return "an address is no name";
  if (grant->port == 0) grant->port = 443;
  if (std::ranges::find(bundle.grants, *grant) != bundle.grants.end()) return "twice";
  bundle.grants.push_back(*std::move(grant));
  return "";
}

void add_new(std::vector<HostGrant>& grants, const HostGrant& grant) {
  if (std::ranges::find(grants, grant) == grants.end()) grants.push_back(grant);
}

}  // namespace

Result<Bundle> parse_bundle(std::string_view name, std::string_view text) {
  Bundle bundle{.name = std::string(name)};
  constexpr std::string_view kSource = "# source: ";
  constexpr std::string_view kReviewed = "# reviewed: ";
  int number = 0;
  for (const std::string_view whole : split(text, '\n')) {
    ++number;
    if (whole.starts_with(kSource)) bundle.source = trim(whole.substr(kSource.size()));
    if (whole.starts_with(kReviewed)) bundle.reviewed = trim(whole.substr(kReviewed.size()));
    const std::string_view line = trim(whole.substr(0, whole.find('#')));
    if (line.empty()) continue;
    const std::string wrong = read_line(line, bundle);
    if (wrong.empty()) continue;
    return failure(Errc::internal, fmt::format("read bundle '@{}': line {}, '{}': {}", name, number,
                                               printable(line), wrong));
  }
  if (bundle.source.empty() || !is_date(bundle.reviewed)) {
    return failure(Errc::internal,
                   fmt::format("read bundle '@{}': it names no source or no date of review", name));
  }
  if (bundle.grants.empty() && bundle.registries.empty()) {
    return failure(Errc::internal, fmt::format("read bundle '@{}': it grants nothing", name));
  }
  return bundle;
}

std::span<const std::string_view> bundle_names() { return kNames; }

Result<Bundle> find_bundle(std::string_view name) {
  const std::string_view wanted = without_at(name);
  const auto* const file = std::ranges::find(kBundleFiles, wanted, &BundleFile::name);
  if (file != std::end(kBundleFiles)) return parse_bundle(file->name, file->text);
  const std::string_view near = nearest(wanted, bundle_names());
  return failure(Errc::invalid_policy,
                 fmt::format("unknown bundle '@{}'{}", printable(wanted),
                             near.empty() ? "" : fmt::format("; did you mean '@{}'?", near)),
                 "name one of the bundles of docs/bundles.md, or the hosts themselves");
}

Result<std::vector<HostGrant>> expand_bundle(std::string_view name, const RegistryHosts& hosts,
                                             std::vector<std::string>& notes) {
  const Bundle bundle = BERM_TRY(find_bundle(name));
  std::vector<HostGrant> grants;
  for (const std::string& client : bundle.registries) {
    if (const auto found = hosts.notes.find(client); found != hosts.notes.end()) {
      for (const std::string& note : found->second) {
        notes.push_back(fmt::format("@{}: {}", bundle.name, note));
      }
    }
    const auto found = hosts.hosts.find(client);
    if (found == hosts.hosts.end() || found->second.empty()) {
      notes.push_back(fmt::format(
          "@{}: {} names no {} on this host; grant it by name in network.allow", bundle.name,
          client, std::ranges::find(kClients, client, &Client::name)->place));
      continue;
    }
    for (const RegistryHost& registry : found->second) {
      add_new(grants, {.pattern = registry.host, .port = registry.port});
    }
  }
  for (const HostGrant& grant : bundle.grants) add_new(grants, grant);
  return grants;
}

Result<std::vector<HostGrant>> expand_bundles(std::span<const HostGrant> grants,
                                              const RegistryHosts& hosts,
                                              std::vector<std::string>& notes) {
  std::vector<HostGrant> expanded;
  for (const HostGrant& grant : grants) {
    if (!grant.pattern.starts_with('@')) {
      add_new(expanded, grant);
      continue;
    }
    const std::vector<HostGrant> inner = BERM_TRY(expand_bundle(grant.pattern, hosts, notes));
    for (const HostGrant& one : inner) add_new(expanded, one);
  }
  // Two bundles with one client say the same of it.
  std::vector<std::string> each;
  for (std::string& note : notes) {
    if (std::ranges::find(each, note) == each.end()) each.push_back(std::move(note));
  }
  notes = std::move(each);
  return expanded;
}

std::set<std::string> registry_clients(std::span<const HostGrant> grants) {
  std::set<std::string> clients;
  for (const HostGrant& grant : grants) {
    if (!grant.pattern.starts_with('@')) continue;
    if (const Result<Bundle> bundle = find_bundle(grant.pattern)) {
      clients.insert(bundle->registries.begin(), bundle->registries.end());
    }
  }
  return clients;
}

std::string origin_of(const HostGrant& grant, std::string_view bundle, const RegistryHosts& hosts) {
  const Result<Bundle> found = find_bundle(bundle);
  if (!found) return "";
  for (const std::string& client : found->registries) {
    const auto at = hosts.hosts.find(client);
    if (at == hosts.hosts.end()) continue;
    for (const RegistryHost& registry : at->second) {
      if (registry.host == grant.pattern && registry.port == grant.port) {
        return fmt::format("{}: {}", client, registry.source);
      }
    }
  }
  return "";
}

}  // namespace berm

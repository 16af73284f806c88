#include "host/registries.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

struct Client {
  std::string_view name;
  void (*read)(RegistryReader&);
};
constexpr Client kClients[] = {
    {"npm", read_npm}, {"pip", read_pip},           {"cargo", read_cargo},
    {"go", read_go},   {"maven", read_maven},       {"nuget", read_nuget},
    {"gem", read_gem}, {"composer", read_composer}, {"apt", read_apt},
    {"dnf", read_dnf}, {"apk", read_apk},           {"cabal", read_cabal},
    {"pub", read_pub}, {"cpan", read_cpan},         {"terraform", read_terraform},
};

// In lower case; '*' at the end stands for the rest.
constexpr std::string_view kVariables[] = {
    "npm_config_registry",
    "npm_config_userconfig",
    "npm_config_globalconfig",
    "npm_config_prefix",
    "npm_lifecycle_event",
    "npm_execpath",
    "npm_config_user_agent",
    "prefix",
    "pip_index_url",
    "pip_extra_index_url",
    "pip_find_links",
    "pip_config_file",
    "uv_default_index",
    "uv_index_url",
    "uv_index",
    "uv_extra_index_url",
    "uv_config_file",
    "xdg_config_home",
    "xdg_config_dirs",
    "cargo_home",
    "cargo_registries_*",
    "cargo_source_crates_io_replace_with",
    "goproxy",
    "gosumdb",
    "goenv",
    "goroot",
    "maven_home",
    "m2_home",
    "gemrc",
    "bundle_user_config",
    "composer_home",
    "cabal_config",
    "pub_hosted_url",
    "tf_cli_config_file",
};

bool is_wanted(std::string_view name) {
  const std::string small = lower(name);
  // A registry's token is nobody's business here.
  if (small.starts_with("cargo_registries_") && !small.ends_with("_index")) return false;
  return std::ranges::any_of(kVariables, [&](std::string_view wanted) {
    if (!wanted.ends_with('*')) return small == wanted;
    return small.starts_with(wanted.substr(0, wanted.size() - 1));
  });
}

}  // namespace

HostEnvironment host_environment(std::string home, std::string path, std::string repository) {
  HostEnvironment host{.home = std::move(home),
                       .path = std::move(path),
                       .variables = {},
                       .repository = std::move(repository),
                       .root = ""};
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || !is_wanted(text.substr(0, equals))) continue;
    host.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return host;
}

RegistryHosts read_registries(const std::set<std::string>& clients, const HostEnvironment& host) {
  RegistryHosts found;
  for (const Client& client : kClients) {
    const std::string name(client.name);
    if (!clients.contains(name)) continue;
    RegistryReader reader(host, name, found);
    client.read(reader);
  }
  return found;
}

}  // namespace berm

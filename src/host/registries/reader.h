// src/host/registries/reader.h: what the readers of one client each share. Every file and program
// of the host is reached through here, so that none of the repository's is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/registries.h"

namespace berm {

struct WebAddress {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const WebAddress&) const = default;
};

/// Host and port of "https://user:secret@Host:8443/path". Accepts http and https, also behind
/// "sparse+", "git+", "mirror+" and the like; drops the user. nullopt for everything that two
/// programs could read differently: addresses, local names, control characters, a backslash, two
/// '@', an odd port, a variable or upper bytes in the host.
[[nodiscard]] std::optional<WebAddress> parse_registry_url(std::string_view url);

class RegistryReader {
 public:
  RegistryReader(const HostEnvironment& host, std::string client, RegistryHosts& found);

  /// A variable's value; "" if it is not set.
  [[nodiscard]] std::string variable(const std::string& name) const;
  /// The same for one that names a file: "" and a note if it is not absolute.
  [[nodiscard]] std::string path_variable(const std::string& name);

  [[nodiscard]] std::string home(std::string_view below) const;    ///< "" if there is no home
  [[nodiscard]] std::string config(std::string_view below) const;  ///< $XDG_CONFIG_HOME, ~/.config
  [[nodiscard]] std::string system(std::string_view path) const;   ///< an absolute path

  /// The content of a plain file of at most 1 MiB. nullopt if there is none, or none of the host's:
  /// all but a missing one is a note. "" is no path.
  [[nodiscard]] std::optional<std::string> file(const std::string& path);
  /// Full paths of what `directory` holds, sorted; hidden files are not.
  [[nodiscard]] static std::vector<std::string> entries(const std::string& directory);

  /// A program on PATH that is not the repository's.
  struct Program {
    std::string path;      ///< "" = none
    std::string resolved;  ///< without links
  };
  [[nodiscard]] Program program(std::string_view name) const;
  /// Where `program` and its libraries may be installed: its own prefix, the versions below that
  /// of a version manager, and the system's.
  [[nodiscard]] std::vector<std::string> prefixes(std::string_view program) const;
  /// PATH without what is relative or the repository's.
  [[nodiscard]] std::string trusted_path() const;

  /// Takes the host of `url`. `key` says in a note what was odd.
  void take(std::string_view url, std::string_view source, std::string_view key);
  void note(std::string_view text);
  [[nodiscard]] bool found_any() const;
  [[nodiscard]] bool found(std::string_view host) const;

  /// "~/.npmrc" for "/home/me/.npmrc".
  [[nodiscard]] std::string shown(std::string_view path) const;

  [[nodiscard]] const HostEnvironment& host() const { return host_; }

 private:
  [[nodiscard]] bool in_repository(const std::string& path) const;

  const HostEnvironment& host_;
  std::string repository_;  ///< without links
  std::string client_;
  RegistryHosts& found_;
};

// One a file of this folder.
void read_npm(RegistryReader& reader);
void read_pip(RegistryReader& reader);
void read_cargo(RegistryReader& reader);
void read_go(RegistryReader& reader);
void read_maven(RegistryReader& reader);
void read_nuget(RegistryReader& reader);
void read_gem(RegistryReader& reader);
void read_composer(RegistryReader& reader);
void read_apt(RegistryReader& reader);
void read_dnf(RegistryReader& reader);
void read_apk(RegistryReader& reader);
void read_cabal(RegistryReader& reader);
void read_pub(RegistryReader& reader);
void read_cpan(RegistryReader& reader);
void read_terraform(RegistryReader& reader);

}  // namespace berm

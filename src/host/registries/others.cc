// Clients of which one setting is enough: cabal, dart, perl, terraform.
#include <fmt/format.h>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {

// cabal writes its file, with the default repository, when it first runs.
void read_cabal(RegistryReader& reader) {
  std::string path = reader.path_variable("CABAL_CONFIG");
  std::optional<std::string> text = reader.file(path);
  if (path.empty()) {
    path = reader.home(".cabal/config");
    text = reader.file(path);
    if (!text) {
      path = reader.config("cabal/config");
      text = reader.file(path);
    }
  }
  if (!text) return;
  bool repository = false;
  for (const std::string_view line : split(*text, '\n')) {
    const std::string_view field = trim(line);
    if (field.empty() || field.starts_with("--")) continue;
    if (!line.starts_with(' ') && !line.starts_with('\t')) {
      repository = field.starts_with("repository ");
    }
    if (repository && field.starts_with("url:")) {
      reader.take(field.substr(4), reader.shown(path), "url");
    }
  }
}

// dart.dev, "Using a custom package repository". The default stands in the program alone.
void read_pub(RegistryReader& reader) {
  if (const std::string url = reader.variable("PUB_HOSTED_URL"); !url.empty()) {
    reader.take(url, "$PUB_HOSTED_URL", "the value");
  }
}

// 'urllist' => [q[https://…], …],
void read_cpan(RegistryReader& reader) {
  for (const std::string& path :
       {reader.home(".cpan/CPAN/MyConfig.pm"), reader.system("/etc/perl/CPAN/Config.pm")}) {
    const std::optional<std::string> text = reader.file(path);
    const std::size_t at = text ? text->find("'urllist'") : std::string::npos;
    if (at == std::string::npos) continue;
    std::string_view line = std::string_view(*text).substr(at);
    line = line.substr(0, line.find('\n'));
    for (std::size_t open = line.find("q["); open != std::string_view::npos;
         open = line.find("q[", open + 1)) {
      const std::string_view url = line.substr(open + 2, line.find(']', open) - open - 2);
      if (!url.starts_with("file:")) reader.take(url, reader.shown(path), "urllist");
    }
  }
}

// Every URL of the CLI configuration is a mirror's or a registry's: network_mirror, host.
void read_terraform(RegistryReader& reader) {
  std::string path = reader.path_variable("TF_CLI_CONFIG_FILE");
  if (path.empty()) path = reader.home(".terraformrc");
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  for (std::string_view line : split(*text, '\n')) {
    line = trim(line);
    if (line.starts_with('#') || line.starts_with("//")) continue;
    for (std::size_t at = line.find("\"http"); at != std::string_view::npos;
         at = line.find("\"http", at + 1)) {
      reader.take(quoted_after(line, at), reader.shown(path), "url");
    }
  }
}

}  // namespace berm

// RubyGems and Bundler: "gem help environment", "bundle help config".
#include <fmt/format.h>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

// The list below ":sources:" of a YAML file. @return whether there is one.
bool take_gemrc(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return false;
  bool named = false;
  bool inside = false;
  for (std::string_view line : split(*text, '\n')) {
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("- ") && inside) {
      reader.take(unquoted(trim(line.substr(2))), reader.shown(path), "sources");
      named = true;
      continue;
    }
    inside = line == ":sources:" || line == "sources:";
  }
  return named;
}

// BUNDLE_MIRROR__HTTPS://HOST/: "https://mirror/"
void take_bundle_config(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.starts_with("BUNDLE_MIRROR__") || line.starts_with("BUNDLE_MIRROR__ALL__")) continue;
    const std::size_t value = line.find(": ");
    if (value == std::string_view::npos || line.find("FALLBACK_TIMEOUT") < value) continue;
    reader.take(unquoted(trim(line.substr(value + 2))), reader.shown(path), "mirror");
  }
}

// rubygems/defaults.rb: def self.default_sources; %w[https://…]. Bundler asks another host for the
// index of the default source: bundler/fetcher/base.rb, uri.host = "…".
bool take_default(RegistryReader& reader, const std::string& library) {
  const std::optional<std::string> text = reader.file(library + "/rubygems/defaults.rb");
  std::size_t at = text ? text->find("default_sources") : std::string::npos;
  if (at != std::string::npos) at = text->find("%w[", at);
  if (at == std::string::npos) return false;
  const std::string_view list = std::string_view(*text).substr(at + 3);
  const std::string_view urls = list.substr(0, list.find(']'));
  for (const std::string_view url : words(urls.substr(0, 500))) {
    reader.take(url, "gem's default", "the source");
  }
  if (!reader.found_any()) return false;
  if (const auto fetcher = reader.file(library + "/bundler/fetcher/base.rb")) {
    const std::string_view host = quoted_after(*fetcher, fetcher->find("uri.host = "));
    if (!host.empty()) {
      reader.take(fmt::format("https://{}", host), "bundler's default", "its index");
    }
  }
  return true;
}

void take_any_default(RegistryReader& reader) {
  for (const std::string& prefix : reader.prefixes("ruby")) {
    const std::string ruby = prefix + "/lib/ruby";
    if (take_default(reader, ruby + "/vendor_ruby")) return;  // Debian's
    for (const std::string& version : RegistryReader::entries(ruby)) {
      if (take_default(reader, version)) return;
    }
  }
}

}  // namespace

void read_gem(RegistryReader& reader) {
  bool named = false;
  for (const std::string& path : {reader.home(".gemrc"), reader.config("gem/gemrc"),
                                  reader.system("/etc/gemrc"), reader.path_variable("GEMRC")}) {
    named = take_gemrc(reader, path) || named;
  }
  take_bundle_config(reader, reader.home(".bundle/config"));
  take_bundle_config(reader, reader.path_variable("BUNDLE_USER_CONFIG"));
  if (!named) take_any_default(reader);
}

}  // namespace berm

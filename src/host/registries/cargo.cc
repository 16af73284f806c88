// cargo: The Cargo Book, "Configuration" and "Registry Index".
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

// cargo keeps the index of a registry in "<host>-<hash of its URL>"; these are what cargo before
// and since 1.85 makes of its default's.
constexpr std::string_view kDefaultHashes[] = {"-6f17d22bba15001f", "-1949cf8c6b5b557f"};

// @return whether the default registry is replaced.
bool take_config(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return false;
  const auto settings = parse_toml_settings(*text);
  if (!settings) {
    reader.note(fmt::format("{} is not TOML; it is not asked", reader.shown(path)));
    return false;
  }
  bool replaced = false;
  for (const auto& [key, value] : *settings) {
    if (key.size() != 3) continue;
    const bool registry = key[0] == "registries" && key[2] == "index";
    const bool source = key[0] == "source" && key[2] == "registry";
    if (registry || source) {
      reader.take(value, reader.shown(path), fmt::format("{}.{}.{}", key[0], key[1], key[2]));
    }
    replaced =
        replaced || (key[0] == "source" && key[1] == "crates-io" && key[2] == "replace-with");
  }
  return replaced;
}

// The index says where the crates themselves are: config.json, "dl".
void take_downloads(RegistryReader& reader, const std::string& directory) {
  const std::string path = directory + "/config.json";
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  const auto settings = parse_json_settings(*text);
  if (!settings) return;
  for (const auto& [key, value] : *settings) {
    if (key == std::vector<std::string>{"dl"}) reader.take(value, reader.shown(path), "dl");
  }
}

// @return whether it is the default's.
bool take_index(RegistryReader& reader, const std::string& directory, bool with_default) {
  const std::string name = directory.substr(directory.rfind('/') + 1);
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos) return false;
  const std::string host = name.substr(0, dash);
  const bool is_default =
      std::ranges::find(kDefaultHashes, name.substr(dash)) != std::end(kDefaultHashes);
  if (is_default && with_default) {
    reader.take(fmt::format("https://{}/", host), "cargo's default", "its index");
    take_downloads(reader, directory);
  } else if (!is_default && reader.found(host)) {
    take_downloads(reader, directory);
  }
  return is_default;
}

}  // namespace

void read_cargo(RegistryReader& reader) {
  std::string home = reader.path_variable("CARGO_HOME");
  if (home.empty()) home = reader.home(".cargo");
  bool replaced = take_config(reader, home + "/config.toml");
  replaced = take_config(reader, home + "/config") || replaced;
  for (const auto& [name, value] : reader.host().variables) {
    if (name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_INDEX")) {
      reader.take(value, "$" + name, "the value");
    }
    replaced = replaced || name == "CARGO_SOURCE_CRATES_IO_REPLACE_WITH";
  }
  // Nothing of the cargo program is readable that names its default; its cache is, once it has one.
  bool known = replaced;
  for (const std::string& directory : RegistryReader::entries(home + "/registry/index")) {
    known = take_index(reader, directory, !replaced) || known;
  }
  if (!known && reader.found_any()) {
    reader.note(
        "the default registry is not known here before cargo's first fetch; "
        "grant it by name in network.allow");
  }
}

}  // namespace berm

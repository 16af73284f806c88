// Composer: "Repositories" of its documentation.
#include <fmt/format.h>

#include <algorithm>

#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

// The default has had two names: this, and its host's.
bool is_default(std::string_view name) { return name.starts_with("packagist"); }

// @return whether the default repository is replaced or switched off.
bool take_config(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return false;
  const auto settings = parse_json_settings(*text);
  if (!settings) {
    reader.note(fmt::format("{} is not JSON; it is not asked", reader.shown(path)));
    return false;
  }
  bool replaced = false;
  for (const auto& [key, value] : *settings) {
    if (key.front() != "repositories" || key.size() < 2) continue;
    const bool url = key.size() == 3 && key[2] == "url";
    if (url && value.find("://") != std::string::npos) {
      reader.take(value, reader.shown(path), "repositories");
    }
    // {"packagist": false}, [{"packagist": false}] or {"packagist": {"url": …}}
    replaced =
        replaced || (is_default(key.back()) && value == "false") || (url && is_default(key[1]));
  }
  return replaced;
}

// Composer's Config.php: $defaultRepositories = …'url' => 'https://…'.
// @return whether it is known.
bool take_default(RegistryReader& reader) {
  const std::optional<std::string> text =
      reader.file(reader.system("/usr/share/php/Composer/Config.php"));
  if (!text) return false;
  const std::size_t at = text->find("$defaultRepositories");
  if (at == std::string::npos) return false;
  const std::size_t key = text->find("'url'", at);
  if (key == std::string::npos) return false;
  reader.take(quoted_after(*text, key + 5), "composer's default", "the repository");
  return true;
}

}  // namespace

void read_composer(RegistryReader& reader) {
  bool replaced = false;
  const std::string home = reader.path_variable("COMPOSER_HOME");
  std::vector<std::string> directories = {home};
  if (home.empty()) directories = {reader.home(".composer"), reader.config("composer")};
  for (const std::string& directory : directories) {
    if (!directory.empty()) replaced = take_config(reader, directory + "/config.json") || replaced;
  }
  if (replaced || take_default(reader) || !reader.found_any()) return;
  reader.note("the default repository is not known here; grant it by name in network.allow");
}

}  // namespace berm

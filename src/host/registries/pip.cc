// pip and uv. pip's files, weakest first: global, user, $PIP_CONFIG_FILE, environment (pip
// documentation, "Configuration"); a virtual environment's own file may be the repository's.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

struct Named {
  std::string value;
  std::string source;
};
/// By section and key: what the strongest file says.
using PipConfig = std::map<std::pair<std::string, std::string>, Named>;

constexpr std::string_view kKeys[] = {"index-url", "extra-index-url", "find-links"};

// pip takes "index_url" and "--index-url" for "index-url".
std::string normal_key(std::string_view key) {
  std::string normal = lower(key);
  std::ranges::replace(normal, '_', '-');
  return normal.starts_with("--") ? normal.substr(2) : normal;
}

void read_pip_file(RegistryReader& reader, const std::string& path, PipConfig& config) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  for (const IniEntry& entry : parse_ini(*text, IniStyle::folded)) {
    const std::string key = normal_key(entry.key);
    if (std::ranges::find(kKeys, key) == std::end(kKeys)) continue;
    config[{entry.section, key}] = {entry.value, reader.shown(path)};
  }
}

std::vector<std::string> shared_directories(const RegistryReader& reader) {
  std::vector<std::string> directories;
  const std::string set = reader.variable("XDG_CONFIG_DIRS");
  for (const std::string_view directory : split(set, ':')) {
    if (directory.starts_with('/')) directories.emplace_back(directory);
  }
  if (directories.empty()) directories.push_back(reader.system("/etc/xdg"));
  std::ranges::reverse(directories);  // the first is the strongest
  return directories;
}

// @return whether an index-url is named.
bool take_pip(RegistryReader& reader) {
  PipConfig config;
  const std::string extra = reader.variable("PIP_CONFIG_FILE");
  if (extra != "/dev/null") {  // "load no file at all"
    for (const std::string& directory : shared_directories(reader)) {
      read_pip_file(reader, directory + "/pip/pip.conf", config);
    }
    read_pip_file(reader, reader.system("/etc/pip.conf"), config);
    read_pip_file(reader, reader.home(".pip/pip.conf"), config);
    read_pip_file(reader, reader.config("pip/pip.conf"), config);
    read_pip_file(reader, reader.path_variable("PIP_CONFIG_FILE"), config);
  }
  for (const std::string_view key : kKeys) {
    std::string name = fmt::format("PIP_{}", key);
    for (char& c : name) c = c == '-' ? '_' : static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
    const std::string value = reader.variable(name);
    if (value.empty()) continue;
    std::erase_if(config, [&](const auto& entry) { return entry.first.second == key; });
    config[{"", std::string(key)}] = {value, "$" + name};
  }
  bool has_index = false;
  for (const auto& [where, named] : config) {
    has_index = has_index || where.second == "index-url";
    for (const std::string_view url : words(named.value)) {
      const bool a_path = where.second == "find-links" && url.find("://") == std::string_view::npos;
      if (!a_path) reader.take(url, named.source, where.second);
    }
  }
  return has_index;
}

// "name=https://…"
std::string_view without_name(std::string_view url) {
  const std::size_t equals = url.find('=');
  return equals < url.find("://") ? url.substr(equals + 1) : url;
}

// uv documentation, "Package indexes". @return whether a default index is named.
bool take_uv(RegistryReader& reader) {
  bool has_default = false;
  for (const std::string_view name :
       {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"}) {
    const std::string value = reader.variable(std::string(name));
    for (const std::string_view url : words(value)) {
      reader.take(without_name(url), fmt::format("${}", name), "the value");
      has_default = has_default || name == "UV_DEFAULT_INDEX" || name == "UV_INDEX_URL";
    }
  }
  std::vector<std::string> paths = {reader.path_variable("UV_CONFIG_FILE"),
                                    reader.config("uv/uv.toml"), reader.system("/etc/uv/uv.toml")};
  for (const std::string& directory : shared_directories(reader)) {
    paths.push_back(directory + "/uv/uv.toml");
  }
  for (const std::string& path : paths) {
    const std::optional<std::string> text = reader.file(path);
    if (!text) continue;
    const auto settings = parse_toml_settings(*text);
    if (!settings) {
      reader.note(fmt::format("{} is not TOML; it is not asked", reader.shown(path)));
      continue;
    }
    for (const auto& [key, value] : *settings) {
      const std::string& last = key.back();
      const bool index = key.front() == "index" && key.size() == 3;
      const bool listed = key.front() == "extra-index-url" ||
                          (key.front() == "pip" && key.size() > 1 && key[1] == "extra-index-url");
      if (last == "index-url" || (index && last == "url") || listed) {
        reader.take(value, reader.shown(path), key.front());
      }
      has_default =
          has_default || last == "index-url" || (index && last == "default" && value == "true");
    }
  }
  return has_default;
}

// pip's models/index.py says: PyPI = PackageIndex("<url>", file_storage_domain="<host>").
bool take_default(RegistryReader& reader, const std::string& packages) {
  const std::optional<std::string> text = reader.file(packages + "/pip/_internal/models/index.py");
  const std::size_t at = text ? text->find("\nPyPI = ") : std::string::npos;
  if (at == std::string::npos) return false;
  const std::string_view url = quoted_after(*text, at);
  if (!parse_registry_url(url)) return false;
  reader.take(url, "pip's default", "the index");
  const std::size_t files = text->find("file_storage_domain=", at);
  const std::string_view host = quoted_after(*text, files);
  if (!host.empty()) reader.take(fmt::format("https://{}", host), "pip's default", "its files");
  return true;
}

bool take_any_default(RegistryReader& reader) {
  for (const std::string_view program : {"pip", "pip3", "python3"}) {
    for (const std::string& prefix : reader.prefixes(program)) {
      for (const std::string_view lib : {"lib", "local/lib"}) {
        for (const std::string& python :
             RegistryReader::entries(fmt::format("{}/{}", prefix, lib))) {
          if (python.find("/python3", python.rfind('/')) == std::string::npos) continue;
          if (take_default(reader, python + "/site-packages") ||
              take_default(reader, python + "/dist-packages")) {
            return true;
          }
        }
      }
    }
  }
  for (const std::string& python : RegistryReader::entries(reader.home(".local/lib"))) {
    if (take_default(reader, python + "/site-packages")) return true;
  }
  return false;
}

}  // namespace

void read_pip(RegistryReader& reader) {
  const bool pip = take_pip(reader);
  const bool uv = take_uv(reader);
  if (pip || uv || take_any_default(reader) || !reader.found_any()) return;
  reader.note("the default index is not known here; grant it by name in network.allow");
}

}  // namespace berm

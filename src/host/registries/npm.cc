// npm, and pnpm and yarn, which share its registry. npm-config(7): environment, then the user's
// npmrc, then the global one; a project's own npmrc, which would come between, is never asked.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"
#include "sys/child.h"

namespace berm {
namespace {

struct NpmConfig {
  std::string registry;
  std::string prefix;
  std::vector<std::string> scoped;
};

NpmConfig parse_npmrc(std::string_view text) {
  NpmConfig config;
  for (const IniEntry& entry : parse_ini(text, IniStyle::one_line)) {
    if (!entry.section.empty()) continue;
    if (entry.key == "registry") config.registry = entry.value;
    if (entry.key == "prefix") config.prefix = entry.value;
    if (entry.key.starts_with('@') && entry.key.ends_with(":registry")) {
      config.scoped.push_back(entry.value);
    }
  }
  return config;
}

// A script of the repository that npm runs ("npm run agent") finds npm's settings in its
// environment, those of the repository's npmrc too, in lower case: not the user's words.
bool is_from_npm(const RegistryReader& reader, std::string_view name) {
  const bool started_by_npm = !reader.variable("npm_lifecycle_event").empty() ||
                              !reader.variable("npm_execpath").empty() ||
                              !reader.variable("npm_config_user_agent").empty();
  return started_by_npm && lower(name) == name;
}

std::string npm_variable(RegistryReader& reader, std::string_view key) {
  const std::string wanted = fmt::format("npm_config_{}", key);
  for (const auto& [name, value] : reader.host().variables) {
    if (value.empty() || lower(name) != wanted) continue;
    if (!is_from_npm(reader, name)) return value;
    reader.note(fmt::format("${} is set by npm, maybe from the repository; it is not asked", name));
  }
  return "";
}

std::string absolute(const RegistryReader& reader, std::string path) {
  for (const std::string_view prefix : {"~/", "${HOME}/", "$HOME/"}) {
    if (path.starts_with(prefix)) path = reader.home(path.substr(prefix.size()));
  }
  return path.starts_with('/') ? path : std::string();
}

// Takes what one npmrc names. @return its `registry`, which the first file that has one decides.
NpmConfig take_npmrc(RegistryReader& reader, const std::string& path, bool decided) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return {};
  NpmConfig config = parse_npmrc(*text);
  if (!decided && !config.registry.empty()) {
    reader.take(config.registry, reader.shown(path), "registry");
  }
  for (const std::string& url : config.scoped) {
    reader.take(url, reader.shown(path), "a scope's registry");
  }
  return config;
}

void take_yarn(RegistryReader& reader) {
  const std::string classic = reader.home(".yarnrc");
  if (const std::optional<std::string> text = reader.file(classic)) {
    for (const std::string_view line : split(*text, '\n')) {
      if (!line.starts_with("registry ")) continue;
      reader.take(unquoted(trim(line.substr(9))), reader.shown(classic), "registry");
    }
  }
  const std::string modern = reader.home(".yarnrc.yml");
  if (const std::optional<std::string> text = reader.file(modern)) {
    constexpr std::string_view kKey = "npmRegistryServer:";
    for (std::string_view line : split(*text, '\n')) {
      line = trim(line);
      if (!line.starts_with(kKey)) continue;
      reader.take(unquoted(trim(line.substr(kKey.size()))), reader.shown(modern),
                  "npmRegistryServer");
    }
  }
}

// The default stands in npm's own definitions of its settings.
std::string default_in_files(RegistryReader& reader, const std::string& package) {
  for (const std::string_view below :
       {"node_modules/@npmcli/config/lib/definitions/definitions.js",
        "../@npmcli/config/lib/definitions/definitions.js", "lib/utils/config/definitions.js"}) {
    const std::optional<std::string> text = reader.file(fmt::format("{}/{}", package, below));
    if (!text) continue;
    std::size_t at = text->find("'registry', {");
    if (at == std::string::npos) continue;
    at = text->find("default:", at);
    if (at == std::string::npos) continue;
    const std::string_view url = quoted_after(*text, at);
    if (parse_registry_url(url)) return std::string(url);
  }
  return "";
}

std::string ask_npm(const RegistryReader& reader, const std::string& npm) {
  // Far from the repository, without its programs on PATH and without files that were read above.
  const Result<CommandResult> asked =
      run_command({.argv = {npm, "config", "get", "registry"},
                   .env = {fmt::format("PATH={}", reader.trusted_path()),
                           fmt::format("HOME={}", reader.host().home), "npm_config_loglevel=silent",
                           "npm_config_userconfig=/dev/null", "npm_config_logs_max=0",
                           "npm_config_update_notifier=false"},
                   .directory = "/",
                   .input = "",
                   .output_limit = 65536,
                   .deadline = std::chrono::seconds(10)});
  if (!asked || asked->code != 0) return "";
  return std::string(trim(asked->output));
}

std::string parent(const std::string& path) {
  return path.substr(0, std::min(path.rfind('/'), path.size()));
}

}  // namespace

void read_npm(RegistryReader& reader) {
  const std::string variable = npm_variable(reader, "registry");
  if (!variable.empty()) reader.take(variable, "$npm_config_registry", "the value");
  bool decided = !variable.empty();

  std::string user = absolute(reader, npm_variable(reader, "userconfig"));
  if (user.empty()) user = reader.home(".npmrc");
  const NpmConfig own = take_npmrc(reader, user, decided);
  decided = decided || !own.registry.empty();

  const RegistryReader::Program npm = reader.program("npm");
  const std::string package = parent(parent(npm.resolved));
  std::vector<std::string> shared = {absolute(reader, npm_variable(reader, "globalconfig"))};
  for (const std::string& prefix :
       {absolute(reader, npm_variable(reader, "prefix")), reader.path_variable("PREFIX"),
        absolute(reader, own.prefix), parent(parent(reader.program("node").resolved))}) {
    if (!prefix.empty()) shared.push_back(prefix + "/etc/npmrc");
  }
  shared.push_back(reader.system("/etc/npmrc"));  // Debian's
  if (!package.empty()) shared.push_back(package + "/npmrc");
  for (const std::string& path : shared) {
    decided = !take_npmrc(reader, path, decided).registry.empty() || decided;
  }
  take_npmrc(reader, reader.config("pnpm/rc"), false);
  take_yarn(reader);
  if (decided || npm.path.empty()) return;

  std::string url = default_in_files(reader, package);
  if (url.empty()) url = ask_npm(reader, npm.path);
  if (!url.empty()) reader.take(url, "npm's default", "what npm says");
}

}  // namespace berm

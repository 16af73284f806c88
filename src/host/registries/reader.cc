#include "host/registries/reader.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/text.h"
#include "policy/parse.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxHosts = 64;
constexpr std::size_t kMaxNotes = 16;
constexpr std::size_t kMaxEntries = 512;

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : std::string();
}

bool is_below(std::string_view path, std::string_view root) {
  if (root.empty()) return false;
  return root == "/" || path == root ||
         (path.starts_with(root) && path.substr(root.size()).starts_with('/'));
}

std::string parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool is_program(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::optional<WebAddress> parse_registry_url(std::string_view url) {
  const bool plain = std::ranges::all_of(url, [](char c) {
    return static_cast<unsigned char>(c) > ' ' && static_cast<unsigned char>(c) < 0x7f &&
           c != '\\' && c != '"' && c != '\'';
  });
  if (url.size() > kMaxUrl || !plain) return std::nullopt;
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  std::string scheme = lower(url.substr(0, colon));
  // "sparse+https": the last part is how the bytes travel.
  if (const std::size_t plus = scheme.rfind('+'); plus != std::string::npos) {
    scheme.erase(0, plus + 1);
  }
  if (scheme != "http" && scheme != "https") return std::nullopt;

  std::string_view authority = url.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const std::size_t at = authority.find('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
    if (authority.find('@') != std::string_view::npos) return std::nullopt;
  }
  if (authority.starts_with('*') || authority.starts_with('@')) return std::nullopt;
  Result<HostGrant> grant = parse_host_grant(authority);
  if (!grant) return std::nullopt;
  const std::string_view last =
      std::string_view(grant->pattern).substr(grant->pattern.rfind('.') + 1);
  // "127.1" and "0x7f.1" are addresses to somebody's parser.
  const bool address = last.starts_with("0x") ||
                       std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
  if (address || last == "localhost") return std::nullopt;
  if (grant->port == 0) grant->port = scheme == "https" ? 443 : 80;
  return WebAddress{.host = std::move(grant->pattern), .port = grant->port};
}

RegistryReader::RegistryReader(const HostEnvironment& host, std::string client,
                               RegistryHosts& found)
    : host_(host),
      repository_(resolved(host.repository)),
      client_(std::move(client)),
      found_(found) {}

std::string RegistryReader::variable(const std::string& name) const {
  const auto found = host_.variables.find(name);
  return found == host_.variables.end() ? std::string() : found->second;
}

std::string RegistryReader::path_variable(const std::string& name) {
  std::string value = variable(name);
  if (value.empty() || value.starts_with('/')) return value;
  note(fmt::format("${} is not an absolute path; it is not followed", name));
  return "";
}

std::string RegistryReader::home(std::string_view below) const {
  return host_.home.starts_with('/') ? fmt::format("{}/{}", host_.home, below) : std::string();
}

std::string RegistryReader::config(std::string_view below) const {
  const std::string directory = variable("XDG_CONFIG_HOME");
  if (directory.starts_with('/')) return fmt::format("{}/{}", directory, below);
  return home(fmt::format(".config/{}", below));
}

std::string RegistryReader::system(std::string_view path) const {
  return fmt::format("{}{}", host_.root, path);
}

bool RegistryReader::in_repository(const std::string& path) const {
  return is_below(path, repository_) || is_below(path, host_.repository);
}

std::optional<std::string> RegistryReader::file(const std::string& path) {
  if (!path.starts_with('/')) return std::nullopt;
  const std::string real = resolved(path);
  if (real.empty()) {
    if (errno != ENOENT && errno != ENOTDIR) {
      note(fmt::format("{} cannot be read", shown(path)));
    }
    return std::nullopt;
  }
  if (in_repository(path) || in_repository(real)) {
    note(fmt::format("{} lies in the repository; it is not asked", shown(path)));
    return std::nullopt;
  }
  if (real == "/dev/null") return std::nullopt;
  Result<std::string> text = read_plain_file(real, kMaxFile);
  if (text) return *std::move(text);
  note(fmt::format("{} is no readable plain file of at most 1 MiB; it is not asked", shown(path)));
  return std::nullopt;
}

std::vector<std::string> RegistryReader::entries(const std::string& directory) {
  std::vector<std::string> names;
  const auto close = [](DIR* stream) { ::closedir(stream); };
  const std::unique_ptr<DIR, decltype(close)> stream(::opendir(directory.c_str()), close);
  while (stream && names.size() < kMaxEntries) {
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.')) names.push_back(fmt::format("{}/{}", directory, name));
  }
  std::ranges::sort(names);
  return names;
}

RegistryReader::Program RegistryReader::program(std::string_view name) const {
  for (const std::string_view directory : split(host_.path, ':')) {
    if (!directory.starts_with('/')) continue;
    Program found{.path = fmt::format("{}/{}", directory, name), .resolved = ""};
    if (!is_program(found.path)) continue;
    found.resolved = resolved(found.path);
    if (found.resolved.empty() || in_repository(found.path) || in_repository(found.resolved)) {
      continue;
    }
    return found;
  }
  return {};
}

std::vector<std::string> RegistryReader::prefixes(std::string_view program_name) const {
  std::vector<std::string> all;
  if (const Program found = program(program_name); !found.path.empty()) {
    all.push_back(parent(parent(found.resolved)));
    for (std::string& version : entries(all.front() + "/versions"))
      all.push_back(std::move(version));
  }
  all.push_back(system("/usr"));
  all.push_back(system("/usr/local"));
  return all;
}

std::string RegistryReader::trusted_path() const {
  std::string path;
  for (const std::string_view directory : split(host_.path, ':')) {
    const std::string text(directory);
    if (!text.starts_with('/') || in_repository(text) || in_repository(resolved(text))) continue;
    path += path.empty() ? text : ":" + text;
  }
  return path;
}

void RegistryReader::take(std::string_view url, std::string_view source, std::string_view key) {
  const std::optional<WebAddress> address = parse_registry_url(trim(url));
  if (!address) {
    note(fmt::format("{}: {} is no http(s) URL with a host name; it is not granted", source, key));
    return;
  }
  std::vector<RegistryHost>& hosts = found_.hosts[client_];
  const bool known = std::ranges::any_of(hosts, [&](const RegistryHost& other) {
    return other.host == address->host && other.port == address->port;
  });
  if (known) return;
  if (hosts.size() == kMaxHosts) {
    note(fmt::format("more than {} hosts are configured; the rest is not granted", kMaxHosts));
    return;
  }
  hosts.push_back({.host = address->host, .port = address->port, .source = printable(source)});
}

void RegistryReader::note(std::string_view text) {
  std::vector<std::string>& notes = found_.notes[client_];
  std::string shown_text = fmt::format("{}: {}", client_, printable(text));
  if (notes.size() < kMaxNotes && std::ranges::find(notes, shown_text) == notes.end()) {
    notes.push_back(std::move(shown_text));
  }
}

bool RegistryReader::found_any() const {
  const auto found = found_.hosts.find(client_);
  return found != found_.hosts.end() && !found->second.empty();
}

bool RegistryReader::found(std::string_view host) const {
  const auto found = found_.hosts.find(client_);
  return found != found_.hosts.end() &&
         std::ranges::find(found->second, host, &RegistryHost::host) != found->second.end();
}

std::string RegistryReader::shown(std::string_view path) const {
  if (!host_.home.empty() && host_.home != "/" && is_below(path, host_.home)) {
    return "~" + std::string(path.substr(host_.home.size()));
  }
  if (!host_.root.empty() && is_below(path, host_.root)) path.remove_prefix(host_.root.size());
  return std::string(path);
}

}  // namespace berm

// The distribution's own package manager: sources.list(5), dnf.conf(5), apk-repositories(5).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

void take_apt_uri(RegistryReader& reader, std::string_view uri, const std::string& source) {
  constexpr std::string_view kList = "mirror+file:";
  if (uri.starts_with(kList)) {
    // A file of one URL a line: what cloud images have. Below /etc only, as those are.
    std::string_view path = uri.substr(kList.size());
    if (path.starts_with("///")) path.remove_prefix(2);
    if (!path.starts_with("/etc/") || path.find("/../") != std::string_view::npos) {
      reader.note(fmt::format("{}: a mirror list outside /etc; it is not asked", source));
      return;
    }
    const std::string list = reader.system(path);
    const std::optional<std::string> text = reader.file(list);
    if (!text) return;
    for (const std::string_view line : split(*text, '\n')) {
      const std::vector<std::string_view> parts = words(line);
      if (parts.empty() || parts[0].starts_with('#')) continue;
      reader.take(parts[0], reader.shown(list), "mirror");
    }
    return;
  }
  if (uri.starts_with("cdrom:") || uri.starts_with("file:") || uri.starts_with("copy:")) return;
  if (uri.starts_with("tor+")) {
    reader.note(fmt::format("{}: tor is not granted", source));
    return;
  }
  if (uri.starts_with("mirror://")) {
    take_apt_uri(reader, fmt::format("http://{}", uri.substr(9)), source);
    return;
  }
  reader.take(uri, source, "URI");
}

// deb [ option=value … ] uri suite [component …]
void take_list(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  for (const std::string_view whole : split(*text, '\n')) {
    std::string_view line = trim(whole.substr(0, whole.find('#')));
    if (!line.starts_with("deb ") && !line.starts_with("deb\t") && !line.starts_with("deb-src ") &&
        !line.starts_with("deb-src\t")) {
      continue;
    }
    line = trim(line.substr(line.find_first_of(" \t")));
    if (line.starts_with('[')) {
      const std::size_t end = line.find(']');
      if (end == std::string_view::npos) continue;
      line = trim(line.substr(end + 1));
    }
    const std::string_view uri = line.substr(0, line.find_first_of(" \t"));
    if (!uri.empty()) take_apt_uri(reader, uri, reader.shown(path));
  }
}

// Paragraphs of "Field: value"; an indented line goes on with the field.
void take_deb822(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  std::vector<std::string_view> uris;
  bool enabled = true;
  bool inside = false;
  const auto finish = [&] {
    for (const std::string_view uri : uris) {
      if (enabled) take_apt_uri(reader, uri, reader.shown(path));
    }
    uris.clear();
    enabled = true;
    inside = false;
  };
  for (const std::string_view line : split(*text, '\n')) {
    if (line.starts_with('#')) continue;
    if (trim(line).empty()) {
      finish();
      continue;
    }
    std::string_view value = line;
    if (!line.starts_with(' ') && !line.starts_with('\t')) {
      const std::size_t colon = line.find(':');
      const std::string field = lower(line.substr(0, colon));
      value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
      inside = field == "uris";
      const std::string flag = lower(trim(value));
      if (field == "enabled") enabled = flag != "no" && flag != "false" && flag != "0";
    }
    if (!inside) continue;
    for (const std::string_view uri : words(value)) uris.push_back(uri);
  }
  finish();
}

}  // namespace

void read_apt(RegistryReader& reader) {
  take_list(reader, reader.system("/etc/apt/sources.list"));
  for (const std::string& path :
       RegistryReader::entries(reader.system("/etc/apt/sources.list.d"))) {
    if (path.ends_with(".list")) take_list(reader, path);
    if (path.ends_with(".sources")) take_deb822(reader, path);
  }
}

void read_dnf(RegistryReader& reader) {
  std::vector<std::string> paths = RegistryReader::entries(reader.system("/etc/yum.repos.d"));
  for (const std::string& path : paths) {
    if (!path.ends_with(".repo")) continue;
    const std::optional<std::string> text = reader.file(path);
    if (!text) continue;
    const std::vector<IniEntry> entries = parse_ini(*text, IniStyle::folded);
    for (const IniEntry& entry : entries) {
      const bool place =
          entry.key == "baseurl" || entry.key == "mirrorlist" || entry.key == "metalink";
      const bool off = std::ranges::any_of(entries, [&](const IniEntry& other) {
        return other.section == entry.section && other.key == "enabled" && other.value == "0";
      });
      if (!place || off) continue;
      for (const std::string_view url : words(entry.value)) {
        if (!url.starts_with("file:")) reader.take(url, reader.shown(path), entry.key);
      }
      if (entry.key != "baseurl") {
        reader.note("the mirrors that a mirror list names at run time are not granted");
      }
    }
  }
}

void read_apk(RegistryReader& reader) {
  std::vector<std::string> paths = {reader.system("/etc/apk/repositories")};
  for (std::string& path : RegistryReader::entries(reader.system("/etc/apk/repositories.d"))) {
    paths.push_back(std::move(path));
  }
  for (const std::string& path : paths) {
    const std::optional<std::string> text = reader.file(path);
    if (!text) continue;
    for (const std::string_view line : split(*text, '\n')) {
      for (const std::string_view word : words(line)) {
        if (word.starts_with('#')) break;
        if (word.starts_with('@') || word.starts_with('/')) continue;  // a tag, a directory
        reader.take(word, reader.shown(path), "repository");
        break;
      }
    }
  }
}

}  // namespace berm

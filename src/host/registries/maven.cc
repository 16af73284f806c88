// Maven: the Settings Reference. The default repository stands in a jar, which is not looked into.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

struct Repository {
  std::string url;
  std::string mirror_of;
  bool blocked = false;
};

// @return whether the default repository is replaced.
bool take_settings(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return false;
  const auto elements = parse_xml(*text);
  if (!elements) {
    reader.note(fmt::format("{} is not XML; it is not asked", reader.shown(path)));
    return false;
  }
  std::map<std::size_t, Repository> repositories;
  for (const XmlElement& element : *elements) {
    const std::string& parent = (*elements)[element.parent].name;
    if (parent != "mirror" && parent != "repository" && parent != "pluginRepository") continue;
    Repository& repository = repositories[element.parent];
    if (element.name == "url") repository.url = element.text;
    if (element.name == "mirrorOf") repository.mirror_of = element.text;
    if (element.name == "blocked") repository.blocked = element.text == "true";
  }
  bool replaced = false;
  for (const auto& [index, repository] : repositories) {
    // Maven 3.8.1 ships a blocked mirror, to stop plain http.
    if (repository.blocked || repository.url.empty()) continue;
    reader.take(repository.url, reader.shown(path), "url");
    const std::vector<std::string_view> of = words(repository.mirror_of);
    replaced = replaced || std::ranges::any_of(of, [](std::string_view id) {
                 return id == "*" || id == "central" || id == "external:*";
               });
  }
  return replaced;
}

}  // namespace

void read_maven(RegistryReader& reader) {
  std::vector<std::string> paths = {reader.home(".m2/settings.xml")};
  for (const std::string_view name : {"MAVEN_HOME", "M2_HOME"}) {
    const std::string home = reader.path_variable(std::string(name));
    if (!home.empty()) paths.push_back(home + "/conf/settings.xml");
  }
  const std::string mvn = reader.program("mvn").resolved;
  if (const std::size_t bin = mvn.rfind("/bin/"); bin != std::string::npos) {
    paths.push_back(mvn.substr(0, bin) + "/conf/settings.xml");
  }
  paths.push_back(reader.system("/usr/share/maven/conf/settings.xml"));
  paths.push_back(reader.system("/etc/maven/settings.xml"));
  bool replaced = false;
  for (const std::string& path : paths) replaced = take_settings(reader, path) || replaced;
  if (!replaced && reader.found_any()) {
    reader.note("the default repository is not known here; grant it by name in network.allow");
  }
}

}  // namespace berm

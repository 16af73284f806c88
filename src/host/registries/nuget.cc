// NuGet: the nuget.config reference. The first dotnet command writes the user's file, with the
// default source in it.
#include <fmt/format.h>

#include <set>

#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

void take_config(RegistryReader& reader, const std::string& path) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  const auto elements = parse_xml(*text);
  if (!elements) {
    reader.note(fmt::format("{} is not XML; it is not asked", reader.shown(path)));
    return;
  }
  const auto attribute = [](const XmlElement& element, const std::string& name) {
    const auto found = element.attributes.find(name);
    return found == element.attributes.end() ? std::string() : found->second;
  };
  std::set<std::string> disabled;
  for (const XmlElement& element : *elements) {
    if ((*elements)[element.parent].name == "disabledPackageSources" && element.name == "add" &&
        attribute(element, "value") == "true") {
      disabled.insert(attribute(element, "key"));
    }
  }
  for (const XmlElement& element : *elements) {
    if ((*elements)[element.parent].name != "packageSources" || element.name != "add") continue;
    const std::string value = attribute(element, "value");
    if (value.starts_with('/') || disabled.contains(attribute(element, "key"))) continue;
    reader.take(value, reader.shown(path), "packageSources");
  }
}

}  // namespace

void read_nuget(RegistryReader& reader) {
  take_config(reader, reader.home(".nuget/NuGet/NuGet.Config"));
  take_config(reader, reader.config("NuGet/NuGet.Config"));
  std::vector<std::string> more;
  if (const std::string own = reader.home(".nuget/config"); !own.empty()) {
    more = RegistryReader::entries(own);
  }
  for (std::string& path : RegistryReader::entries(reader.system("/etc/opt/NuGet/Config"))) {
    more.push_back(std::move(path));
  }
  for (const std::string& path : more) {
    if (path.ends_with(".config") || path.ends_with(".Config")) take_config(reader, path);
  }
}

}  // namespace berm

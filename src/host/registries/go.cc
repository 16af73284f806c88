// go: "go help environment": environment, then the user's file, then $GOROOT/go.env, which carries
// the defaults since Go 1.21.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "host/registries/formats.h"
#include "host/registries/reader.h"

namespace berm {
namespace {

struct Named {
  std::string value;
  std::string source;
};

void fill(RegistryReader& reader, const std::string& path, std::string_view source, Named& proxy,
          Named& sums) {
  const std::optional<std::string> text = reader.file(path);
  if (!text) return;
  for (const std::string_view line : split(*text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, equals));
    const std::string_view value = trim(line.substr(equals + 1));
    for (Named* named : {key == "GOPROXY" ? &proxy : nullptr, key == "GOSUMDB" ? &sums : nullptr}) {
      if (named != nullptr && named->value.empty()) {
        *named = {std::string(value), source.empty() ? reader.shown(path) : std::string(source)};
      }
    }
  }
}

std::vector<std::string> go_roots(RegistryReader& reader) {
  std::vector<std::string> roots = {reader.path_variable("GOROOT")};
  const std::string go = reader.program("go").resolved;
  if (const std::size_t bin = go.rfind("/bin/"); bin != std::string::npos) {
    roots.push_back(go.substr(0, bin));
  }
  roots.push_back(reader.system("/usr/local/go"));
  roots.push_back(reader.system("/usr/lib/go"));
  return roots;
}

// A name without a scheme is https.
std::string as_url(std::string_view text) {
  return text.find("://") == std::string_view::npos ? fmt::format("https://{}", text)
                                                    : std::string(text);
}

}  // namespace

void read_go(RegistryReader& reader) {
  Named proxy{reader.variable("GOPROXY"), "$GOPROXY"};
  Named sums{reader.variable("GOSUMDB"), "$GOSUMDB"};
  if (reader.variable("GOENV") != "off") {
    std::string path = reader.path_variable("GOENV");
    if (path.empty()) path = reader.config("go/env");
    fill(reader, path, "", proxy, sums);
  }
  for (const std::string& root : go_roots(reader)) {
    if (!root.empty()) fill(reader, root + "/go.env", "go's default", proxy, sums);
  }

  std::string list = proxy.value;
  for (char& c : list) {
    if (c == '|') c = ',';
  }
  for (const std::string_view entry : words(list)) {
    if (entry == "direct" || entry == "off" || entry.starts_with("file:")) continue;
    reader.take(as_url(entry), proxy.source, "GOPROXY");
  }
  // "<name>+<key> [<url>]"
  const std::vector<std::string_view> database = words(sums.value);
  if (database.empty() || database.front() == "off") return;
  const std::string_view place =
      database.size() > 1 ? database[1] : database[0].substr(0, database[0].find('+'));
  reader.take(as_url(place), sums.source, "GOSUMDB");
}

}  // namespace berm

#include "agents/claude_mcp.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/chain.h"
#include "sys/fd.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::string_view kFlag = "--mcp-config";
constexpr std::size_t kMostBytes = 1 << 20;

// The values of the flag, which are all words up to the next flag, as the client reads them.
std::vector<std::string> take_values(std::vector<std::string>& arguments) {
  const std::string with_value = fmt::format("{}=", kFlag);
  std::vector<std::string> values;
  std::vector<std::string> rest;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (word == "--") {
      rest.insert(rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
      break;
    }
    if (word.starts_with(with_value)) {
      values.push_back(word.substr(with_value.size()));
    } else if (word != kFlag) {
      rest.push_back(word);
    } else {
      while (at + 1 < arguments.size() && !arguments[at + 1].starts_with('-')) {
        values.push_back(arguments[++at]);
      }
    }
  }
  arguments = std::move(rest);
  return values;
}

Result<json> servers_in(const std::string& directory, const std::string& value) {
  const bool is_text = trim(value).starts_with('{');
  const std::string path = value.starts_with('/') ? value : fmt::format("{}/{}", directory, value);
  const Result<std::string> text = is_text ? value : read_plain_file(path, kMostBytes);
  const std::string fix = "write --mcp-config FILE… behind the prompt, or before another option";
  if (!text) {
    return failure(Errc::usage,
                   fmt::format("--mcp-config '{}': {}", printable(value), sentence(text.error())),
                   fix);
  }
  // The file may be the repository's: any key may hold any type, nested at will.
  const json parsed = parse_event(*text);
  const auto servers = parsed.is_object() ? parsed.find("mcpServers") : parsed.end();
  if (servers == parsed.end() || !servers->is_object()) {
    return failure(Errc::usage,
                   fmt::format("--mcp-config '{}' has no object \"mcpServers\"", printable(value)),
                   fix);
  }
  return *servers;
}

}  // namespace

Result<std::string> take_mcp_servers(const std::string& directory,
                                     std::vector<std::string>& arguments) {
  const std::vector<std::string> values = take_values(arguments);
  json servers = json::object();
  for (const std::string& value : values) servers.update(BERM_TRY(servers_in(directory, value)));
  if (servers.empty()) return "";
  // "You cannot use --strict-mcp-config when an enterprise MCP config is present"
  std::erase(arguments, "--strict-mcp-config");
  return json{{"mcpServers", servers}}.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace berm

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host/residue/classes.h"

namespace berm::residue {
namespace {

using nlohmann::json;

constexpr int kMaxNesting = 100;

// A MiB of '[' would nest a million deep, and so would the destructor.
json parse_shallow(std::string_view text) {
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < kMaxNesting; };
  return json::parse(text, shallow, false);
}

bool has_text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() &&
         !found->get_ref<const std::string&>().empty();
}

bool has_members(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() && !found->empty();
}

bool has_environment(const json& servers) {
  for (const json& server : servers) {
    if (server.is_object() && (has_members(server, "env") || has_members(server, "headers"))) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool holds_claude_account(std::string_view content) {
  const json state = parse_shallow(content);
  if (!state.is_object()) return true;  // longer than we read, or not what we know: let a user look
  return has_text(state, "primaryApiKey") || has_members(state, "oauthAccount") ||
         has_members(state, "customApiKeyResponses") ||
         (has_members(state, "mcpServers") && has_environment(state["mcpServers"]));
}

bool holds_docker_login(std::string_view content) {
  const json config = parse_shallow(content);
  if (!config.is_object() || !has_members(config, "auths")) return false;
  for (const json& login : config["auths"]) {
    // With a credential helper the entry is there and empty.
    if (!login.is_object()) continue;
    for (const char* name : {"auth", "password", "identitytoken", "registrytoken"}) {
      if (has_text(login, name)) return true;
    }
  }
  return false;
}

bool holds_password_entry(std::string_view content) {
  for (const std::string_view line : split(content, '\n')) {
    if (!trim(line).starts_with('#') && line.find("password") != std::string_view::npos)
      return true;
  }
  return false;
}

bool holds_url_login(std::string_view content) {
  for (const std::string_view line : split(content, '\n')) {
    const std::size_t scheme = line.find("://");
    if (scheme != std::string_view::npos && line.find('@', scheme) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace berm::residue

#include "cluster/kubeconfig.h"

#include <fmt/format.h>
#include <yaml.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kLargest = 1 << 20;
constexpr int kDeepest = 16;

// Every scalar as text: what a kubeconfig needs. Aliases are nodes that stand twice, so a node is
// counted each time, and a document that grows beyond its own size is refused.
class YamlReader {
 public:
  YamlReader(yaml_document_t& document, std::size_t most) : document_(document), left_(most) {}

  std::optional<json> read(int number, int depth) {
    const yaml_node_t* node = yaml_document_get_node(&document_, number);
    if (node == nullptr || depth > kDeepest || left_ == 0) return std::nullopt;
    --left_;
    switch (node->type) {
      case YAML_SCALAR_NODE:
        return text_of(*node);
      case YAML_SEQUENCE_NODE:
        return list_of(*node, depth);
      case YAML_MAPPING_NODE:
        return map_of(*node, depth);
      default:
        return std::nullopt;
    }
  }

 private:
  static std::string text_of(const yaml_node_t& node) {
    const auto& scalar = node.data.scalar;
    return {reinterpret_cast<const char*>(scalar.value), scalar.length};
  }
  std::optional<json> list_of(const yaml_node_t& node, int depth) {
    json out = json::array();
    const auto& items = node.data.sequence.items;
    for (const yaml_node_item_t* item = items.start; item < items.top; ++item) {
      std::optional<json> one = read(*item, depth + 1);
      if (!one) return std::nullopt;
      out.push_back(*std::move(one));
    }
    return out;
  }
  std::optional<json> map_of(const yaml_node_t& node, int depth) {
    json out = json::object();
    const auto& pairs = node.data.mapping.pairs;
    for (const yaml_node_pair_t* pair = pairs.start; pair < pairs.top; ++pair) {
      const yaml_node_t* key = yaml_document_get_node(&document_, pair->key);
      std::optional<json> value = read(pair->value, depth + 1);
      if (key == nullptr || key->type != YAML_SCALAR_NODE || !value) return std::nullopt;
      // The first of two is kept by some readers, the last by others.
      if (!out.emplace(text_of(*key), *std::move(value)).second) return std::nullopt;
    }
    return out;
  }

  yaml_document_t& document_;
  std::size_t left_;
};

std::optional<json> read_yaml(std::string_view text) {
  if (text.size() > kLargest) return std::nullopt;
  yaml_parser_t parser;
  if (yaml_parser_initialize(&parser) == 0) return std::nullopt;
  const std::unique_ptr<yaml_parser_t, void (*)(yaml_parser_t*)> parser_end(&parser,
                                                                            yaml_parser_delete);
  yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
  yaml_document_t document;
  if (yaml_parser_load(&parser, &document) == 0) return std::nullopt;
  const std::unique_ptr<yaml_document_t, void (*)(yaml_document_t*)> document_end(
      &document, yaml_document_delete);
  if (yaml_document_get_root_node(&document) == nullptr) return std::nullopt;
  return YamlReader(document, text.size() + 1).read(1, 0);
}

// A member of an object, as text; "" where there is none.
std::string word(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string()
             ? found->get<std::string>()
             : "";
}

const json* named(const json& root, const char* list, const char* what, const std::string& name) {
  const auto all = root.find(list);
  if (all == root.end() || !all->is_array()) return nullptr;
  for (const json& one : *all) {
    const auto found = one.is_object() ? one.find(what) : one.end();
    if (one.is_object() && word(one, "name") == name && found != one.end() && found->is_object()) {
      return &*found;
    }
  }
  return nullptr;
}

Result<std::string> decoded(const json& object, const char* key) {
  const std::string text = word(object, key);
  if (text.empty()) return std::string();
  std::optional<std::string> bytes = base64_decoded(text);
  if (bytes) return *std::move(bytes);
  return failure(Errc::usage, fmt::format("read '{}' of the kubeconfig: it is no base64", key));
}

CredentialPlugin plugin_of(const json& exec) {
  CredentialPlugin out{.api_version = word(exec, "apiVersion"),
                       .command = word(exec, "command"),
                       .arguments = {},
                       .env = {},
                       .wants_cluster = word(exec, "provideClusterInfo") == "true"};
  for (const json& one : exec.value("args", json::array())) {
    if (one.is_string()) out.arguments.push_back(one);
  }
  for (const json& one : exec.value("env", json::array())) {
    if (!word(one, "name").empty()) out.env[word(one, "name")] = word(one, "value");
  }
  return out;
}

Result<void> read_cluster(const json& cluster, ClusterContext& out) {
  out.server = word(cluster, "server");
  if (word(cluster, "insecure-skip-tls-verify") == "true") {
    return failure(Errc::unsupported, "use a cluster whose certificate is not checked",
                   "give its certificate-authority in the kubeconfig");
  }
  out.authority = {word(cluster, "certificate-authority"),
                   BERM_TRY(decoded(cluster, "certificate-authority-data"))};
  for (const char* key : {"proxy-url", "tls-server-name"}) {
    if (word(cluster, key).empty()) continue;
    return failure(Errc::unsupported, fmt::format("use '{}' of the kubeconfig", key),
                   "take it out; HTTPS_PROXY is used");
  }
  return {};
}

Result<void> read_user(const json& user, ClusterContext& out) {
  for (const char* key : {"username", "auth-provider", "as"}) {
    if (!user.contains(key)) continue;
    return failure(Errc::unsupported, fmt::format("use '{}' of the kubeconfig", key),
                   "use a token, a client certificate or an exec plugin");
  }
  out.certificate = {word(user, "client-certificate"),
                     BERM_TRY(decoded(user, "client-certificate-data"))};
  out.key_file = word(user, "client-key");
  out.key = Secret(BERM_TRY(decoded(user, "client-key-data")));
  out.token_file = word(user, "tokenFile");
  out.token = Secret(word(user, "token"));
  if (const auto exec = user.find("exec"); exec != user.end() && exec->is_object()) {
    out.plugin = plugin_of(*exec);
  }
  return {};
}

}  // namespace

Result<ClusterContext> read_kubeconfig(std::string_view text, std::string_view file,
                                       std::string_view context) {
  const std::optional<json> root = read_yaml(text);
  const auto refuse = [&](std::string_view why) {
    return failure(Errc::usage, fmt::format("read the kubeconfig '{}': {}", printable(file), why),
                   "'kubectl config view' shows it as kubectl reads it");
  };
  if (!root || !root->is_object()) return refuse("it is no mapping in YAML");
  ClusterContext out;
  out.name = context.empty() ? word(*root, "current-context") : std::string(context);
  if (out.name.empty()) return refuse("it has no current context");
  const json* chosen = named(*root, "contexts", "context", out.name);
  if (chosen == nullptr) return refuse(fmt::format("no context '{}'", printable(out.name)));
  out.name_space = word(*chosen, "namespace");
  const json* cluster = named(*root, "clusters", "cluster", word(*chosen, "cluster"));
  const json* user = named(*root, "users", "user", word(*chosen, "user"));
  if (cluster == nullptr) return refuse("its context names no cluster");
  BERM_TRY(read_cluster(*cluster, out));
  if (user != nullptr) BERM_TRY(read_user(*user, out));
  return out;
}

}  // namespace berm

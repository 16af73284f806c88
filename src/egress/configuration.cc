#include "egress/configuration.h"

#include <nlohmann/json.hpp>

#include "policy/parse.h"

namespace berm {
namespace {

using nlohmann::json;

json grants_to_json(const std::vector<HostGrant>& grants) {
  json out = json::array();
  for (const HostGrant& grant : grants) out.push_back(to_text(grant));
  return out;
}

Result<std::vector<HostGrant>> grants_from_json(const json& texts) {
  std::vector<HostGrant> out;
  for (const json& text : texts) out.push_back(BERM_TRY(parse_host_grant(text.get<std::string>())));
  return out;
}

template <class T>
void put(json& out, const char* key, const std::optional<T>& value) {
  if (!value) return;
  if constexpr (std::is_same_v<T, Bytes>) {
    out[key] = value->count;
  } else {
    out[key] = *value;
  }
}

json budget_to_json(const NetworkBudget& budget) {
  json out = json::object();
  put(out, "bytes", budget.bytes);
  put(out, "upload", budget.upload);
  put(out, "connections", budget.connections);
  put(out, "requests", budget.requests);
  return out;
}

// What put() has written.
template <class T>
void take(const json& in, const char* key, std::optional<T>& value) {
  if (!in.contains(key)) return;
  if constexpr (std::is_same_v<T, Bytes>) {
    value = Bytes{in[key].get<std::uint64_t>()};
  } else {
    value = in[key].get<T>();
  }
}

NetworkBudget budget_from_json(const json& in) {
  NetworkBudget out;
  take(in, "bytes", out.bytes);
  take(in, "upload", out.upload);
  take(in, "connections", out.connections);
  take(in, "requests", out.requests);
  return out;
}

json rules_to_json(const EgressRules& rules) {
  json inspect = json::array();
  for (const NetworkRule& rule : rules.inspect) {
    json one = {{"host", rule.host},
                {"methods", rule.methods},
                {"paths", rule.paths},
                {"content_types", rule.content_types},
                {"websocket", rule.websocket}};
    put(one, "max_upload", rule.max_upload);
    inspect.push_back(std::move(one));
  }
  return {{"mode", spelling(rules.mode)},
          {"allow", grants_to_json(rules.allow)},
          {"deny", grants_to_json(rules.deny)},
          {"internal", grants_to_json(rules.internal)},
          {"opaque", grants_to_json(rules.opaque)},
          {"inspect", std::move(inspect)},
          {"keyed", grants_to_json(rules.keyed)},
          {"learn", rules.learn},
          {"ask", rules.ask}};
}

Result<EgressRules> rules_from_json(const json& in) {
  EgressRules out;
  for (const auto& [name, mode] : names(NetworkMode{})) {
    if (in.at("mode") == name) out.mode = mode;
  }
  out.allow = BERM_TRY(grants_from_json(in.at("allow")));
  out.deny = BERM_TRY(grants_from_json(in.at("deny")));
  out.internal = BERM_TRY(grants_from_json(in.at("internal")));
  out.opaque = BERM_TRY(grants_from_json(in.at("opaque")));
  out.keyed = BERM_TRY(grants_from_json(in.at("keyed")));
  out.learn = in.at("learn");
  out.ask = in.at("ask");
  for (const json& one : in.at("inspect")) {
    NetworkRule& rule = out.inspect.emplace_back();
    rule.host = one.at("host");
    rule.methods = one.at("methods");
    rule.paths = one.at("paths");
    rule.content_types = one.at("content_types");
    rule.websocket = one.at("websocket");
    take(one, "max_upload", rule.max_upload);
  }
  return out;
}

template <class E>
E enum_from_json(const json& in) {
  return static_cast<E>(in.get<int>());
}

json use_to_json(const CredentialUse& use) {
  return {
      {"host", use.host},      {"port", use.port},     {"carrier", static_cast<int>(use.carrier)},
      {"name", use.name},      {"format", use.format}, {"methods", use.methods},
      {"paths", use.paths},    {"except", use.except}, {"services", use.services},
      {"regions", use.regions}};
}

CredentialUse use_from_json(const json& in) {
  return {.host = in.at("host"),
          .port = in.at("port"),
          .carrier = enum_from_json<Carrier>(in.at("carrier")),
          .name = in.at("name"),
          .format = in.at("format"),
          .methods = in.at("methods"),
          .paths = in.at("paths"),
          .except = in.at("except"),
          .services = in.at("services"),
          .regions = in.at("regions")};
}

json credentials_to_json(const std::vector<EgressCredential>& credentials) {
  json out = json::array();
  for (const EgressCredential& one : credentials) {
    json uses = json::array();
    for (const CredentialUse& use : one.to) uses.push_back(use_to_json(use));
    json model = {{"api", one.model.api},
                  {"models", one.model.models},
                  {"hosted_tools", static_cast<int>(one.model.hosted_tools)},
                  {"premium", static_cast<int>(one.model.premium)},
                  {"permit", one.model.permit}};
    put(model, "max_output_tokens", one.model.max_output_tokens);
    out.push_back({{"name", one.name},
                   {"placeholder", one.placeholder},
                   {"to", std::move(uses)},
                   {"model", std::move(model)}});
  }
  return out;
}

EgressCredential credential_from_json(const json& in) {
  EgressCredential out{.name = in.at("name"), .placeholder = in.at("placeholder")};
  for (const json& use : in.at("to")) out.to.push_back(use_from_json(use));
  const json& model = in.at("model");
  out.model.api = model.at("api");
  out.model.models = model.at("models");
  out.model.hosted_tools = enum_from_json<HostedTools>(model.at("hosted_tools"));
  out.model.premium = enum_from_json<PremiumTier>(model.at("premium"));
  out.model.permit = model.at("permit");
  take(model, "max_output_tokens", out.model.max_output_tokens);
  return out;
}

json model_budget_to_json(const ModelBudget& budget) {
  json out = {{"on_token_rate", static_cast<int>(budget.on_token_rate)}};
  put(out, "tokens", budget.tokens);
  put(out, "cost", budget.cost);
  put(out, "requests", budget.requests);
  put(out, "token_rate", budget.token_rate);
  return out;
}

ModelBudget model_budget_from_json(const json& in) {
  ModelBudget out;
  out.on_token_rate = enum_from_json<AnomalyAction>(in.at("on_token_rate"));
  take(in, "tokens", out.tokens);
  take(in, "cost", out.cost);
  take(in, "requests", out.requests);
  take(in, "token_rate", out.token_rate);
  return out;
}

Result<EgressConfiguration> read_parts(const json& in) {
  EgressConfiguration out{.rules = BERM_TRY(rules_from_json(in.at("rules")))};
  out.budget = budget_from_json(in.at("budget"));
  out.per_host = budget_from_json(in.at("per_host"));
  for (const json& one : in.at("listeners")) {
    out.listeners.push_back(
        {.kind = static_cast<ListenerKind>(one.at("kind").get<int>()), .port = one.at("port")});
  }
  if (in.contains("model")) {
    const json& model = in["model"];
    out.model = ModelProxy{
        .port = 0, .upstream = model.at("upstream"), .credential = model.at("credential")};
  }
  if (in.contains("proxy")) {
    const json& proxy = in["proxy"];
    out.proxy = UpstreamProxy{.host = proxy.at("host"),
                              .port = proxy.at("port"),
                              .authorization = proxy.at("authorization"),
                              .no_proxy = proxy.at("no_proxy")};
  }
  for (const json& one : in.at("credentials")) {
    out.credentials.push_back(credential_from_json(one));
  }
  out.model_budget = model_budget_from_json(in.at("model_budget"));
  out.uid = in.at("uid");
  out.ca_lifetime = Milliseconds(in.at("ca_lifetime_ms").get<std::int64_t>());
  out.token = in.at("token");
  return out;
}

}  // namespace

json to_json(const EgressConfiguration& configuration) {
  json listeners = json::array();
  for (const Listener& listener : configuration.listeners) {
    listeners.push_back({{"kind", static_cast<int>(listener.kind)}, {"port", listener.port}});
  }
  json out = {{"rules", rules_to_json(configuration.rules)},
              {"budget", budget_to_json(configuration.budget)},
              {"per_host", budget_to_json(configuration.per_host)},
              {"listeners", std::move(listeners)},
              {"uid", configuration.uid},
              {"credentials", credentials_to_json(configuration.credentials)},
              {"model_budget", model_budget_to_json(configuration.model_budget)},
              {"ca_lifetime_ms", configuration.ca_lifetime.count()},
              {"token", configuration.token}};
  if (configuration.model) {
    out["model"] = {{"upstream", configuration.model->upstream},
                    {"credential", configuration.model->credential}};
  }
  if (configuration.proxy) {
    out["proxy"] = {{"host", configuration.proxy->host},
                    {"port", configuration.proxy->port},
                    {"authorization", configuration.proxy->authorization},
                    {"no_proxy", configuration.proxy->no_proxy}};
  }
  return out;
}

Result<EgressConfiguration> read_configuration(const json& in) {
  // Written by to_json() of the same program: nlohmann throws for what is missing or of another
  // type.
  try {
    return read_parts(in);
  } catch (const json::exception& error) {
    return failure(Errc::internal, std::string("read the egress configuration: ") + error.what());
  }
}

}  // namespace berm

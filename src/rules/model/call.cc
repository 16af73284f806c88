#include "rules/model/call.h"

#include <algorithm>

namespace berm {
namespace {

// What names of models are made of. No '/', '%' or ':': one segment, one meaning.
bool is_model_id(std::string_view id) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !id.empty() && id.size() <= 128 && id.find("..") == std::string_view::npos &&
         std::ranges::all_of(id, plain);
}

// "/v1/models" or one model below it.
bool is_model_listing(std::string_view path, std::string_view root) {
  if (!path.starts_with(root)) return false;
  const std::string_view rest = path.substr(root.size());
  return rest.empty() || (rest.front() == '/' && is_model_id(rest.substr(1)));
}

std::optional<ModelCall> classify_gemini(std::string_view path) {
  constexpr std::string_view kRoot = "/v1beta/models/";
  if (!path.starts_with(kRoot)) return std::nullopt;
  const std::string_view rest = path.substr(kRoot.size());
  const std::size_t colon = std::min(rest.find(':'), rest.size());
  const std::string_view verb = rest.substr(colon);
  const std::string_view model = rest.substr(0, colon);
  if (!is_model_id(model)) return std::nullopt;
  const auto call = [&](ModelEndpoint endpoint) {
    return ModelCall{ModelApi::gemini, endpoint, std::string(model)};
  };
  if (verb == ":generateContent") return call(ModelEndpoint::generate);
  if (verb == ":streamGenerateContent") return call(ModelEndpoint::stream_generate);
  if (verb == ":countTokens") return call(ModelEndpoint::count_tokens);
  return std::nullopt;
}

std::optional<ModelEndpoint> post_endpoint(ModelApi api, std::string_view path) {
  if (api == ModelApi::anthropic) {
    if (path == "/v1/messages") return ModelEndpoint::messages;
    if (path == "/v1/messages/count_tokens") return ModelEndpoint::count_tokens;
  } else {
    if (path == "/v1/responses") return ModelEndpoint::responses;
    if (path == "/v1/responses/compact") return ModelEndpoint::compact;
    if (path == "/v1/chat/completions") return ModelEndpoint::chat;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(ModelApi api) {
  switch (api) {
    case ModelApi::anthropic:
      return "anthropic";
    case ModelApi::openai:
      return "openai";
    case ModelApi::gemini:
      return "gemini";
  }
  return "";
}

bool is_billed(const ModelCall& call) {
  return call.endpoint != ModelEndpoint::count_tokens &&
         call.endpoint != ModelEndpoint::list_models;
}

std::optional<ModelCall> classify_model_call(ModelApi api, std::string_view method,
                                             std::string_view path) {
  if (method == "GET") {
    const bool gemini = api == ModelApi::gemini;
    if (!is_model_listing(path, gemini ? "/v1beta/models" : "/v1/models")) return std::nullopt;
    return ModelCall{api, ModelEndpoint::list_models, ""};
  }
  if (method != "POST") return std::nullopt;
  if (api == ModelApi::gemini) return classify_gemini(path);
  const std::optional<ModelEndpoint> endpoint = post_endpoint(api, path);
  if (!endpoint) return std::nullopt;
  return ModelCall{api, *endpoint, ""};
}

}  // namespace berm

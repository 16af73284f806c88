// src/rules/model/gemini.cc: generateContent, streamGenerateContent and countTokens.
//
// Fields as of 2026-11: ai.google.dev/api/generate-content, ai.google.dev/api/caching#Tool, and the
// types of googleapis/js-genai (src/types.ts: Tool, Part, GenerateContentConfig).
//
// The API reads protocol buffers as JSON: every field has two spellings, "maxOutputTokens" and
// "max_output_tokens" (protobuf.dev/programming-guides/json). We rewrite the second into the first
// and refuse both at once, or a limit could stand in one and its double in the other.
#include <algorithm>

#include "base/text.h"
#include "rules/model/request_check.h"

namespace berm {
namespace {

// clang-format off
constexpr std::string_view kFields[] = {
    "model", "contents", "tools", "toolConfig", "safetySettings", "systemInstruction",
    "generationConfig", "cachedContent", "labels", "store", "serviceTier"};
constexpr std::string_view kCountFields[] = {"generateContentRequest"};
constexpr std::string_view kClientTools[] = {"functionDeclarations", "computerUse"};
constexpr std::string_view kHostedTools[] = {
    "googleSearch", "googleSearchRetrieval", "urlContext", "codeExecution", "fileSearch",
    "googleMaps", "enterpriseWebSearch", "retrieval", "mcpServers", "exaAiSearch",
    "parallelAiSearch"};
// toolCall, toolResponse, executableCode and its result are history of hosted tools.
constexpr std::string_view kParts[] = {
    "text", "inlineData", "functionCall", "functionResponse", "thought", "thoughtSignature",
    "videoMetadata", "mediaResolution", "partMetadata", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse", "audioTranscription"};
// clang-format on

std::string camel_case(std::string_view key) {
  std::string out;
  bool raise = false;
  for (const char c : key) {
    if (c == '_') {
      raise = true;
      continue;
    }
    const bool lower_case = c >= 'a' && c <= 'z';
    out += raise && lower_case ? static_cast<char>(c - 'a' + 'A') : c;
    raise = false;
  }
  return out;
}

// Only of messages of the API: the arguments of a call and a schema's properties are the agent's.
Result<void> normalize_keys(Json& object) {
  if (!object.is_object()) return malformed("a field that should be an object is none");
  bool has_underscore = false;
  for (const auto& [key, value] : object.items())
    has_underscore |= key.find('_') != std::string::npos;
  if (!has_underscore) return {};
  Json renamed = Json::object();
  for (auto& [key, value] : object.items()) {
    std::string name = camel_case(key);
    if (member(renamed, name) != nullptr) {
      return malformed("a field stands there in both of its spellings");
    }
    set_member(renamed, name, std::move(value));
  }
  object = std::move(renamed);
  return {};
}

Result<void> check_parts(RequestCheck& check, Json& parts);

Result<void> check_part(RequestCheck& check, Json& part) {
  BERM_TRY(normalize_keys(part));
  if (member(part, "fileData") != nullptr) {  // a stored file, or an address: YouTube, any https
    BERM_TRY(check.require("fileData", "the provider would fetch an address:"));
  }
  for (const auto& [key, value] : part.items()) {
    if (key != "fileData") BERM_TRY(check.require_known("part", key, kParts));
  }
  Json* response = member(part, "functionResponse");
  Json* inner = response == nullptr ? nullptr : member(*response, "parts");
  return inner == nullptr ? Result<void>() : check_parts(check, *inner);
}

Result<void> check_parts(RequestCheck& check, Json& parts) {
  if (parts.is_object()) return check_part(check, parts);
  if (!parts.is_array()) return malformed("parts is not a list");
  for (Json& part : parts) BERM_TRY(check_part(check, part));
  return {};
}

Result<void> check_content(RequestCheck& check, Json& content) {
  BERM_TRY(normalize_keys(content));
  Json* parts = member(content, "parts");
  return parts == nullptr ? Result<void>() : check_parts(check, *parts);
}

Result<void> check_contents(RequestCheck& check, Json& request) {
  Json* system = member(request, "systemInstruction");
  if (system != nullptr) BERM_TRY(check_content(check, *system));
  Json* contents = member(request, "contents");
  if (contents == nullptr) return {};
  if (contents->is_object()) return check_content(check, *contents);
  if (!contents->is_array()) return malformed("contents is not a list");
  for (Json& content : *contents) BERM_TRY(check_content(check, content));
  return {};
}

// Takes the hosted tools out of one entry of `tools`; each of its fields is a tool.
Result<void> check_tool(RequestCheck& check, Json& tool) {
  BERM_TRY(normalize_keys(tool));
  std::vector<std::string> names;
  for (const auto& [key, value] : tool.items()) names.push_back(key);
  for (const std::string& name : names) {
    if (is_one_of(name, kClientTools)) continue;
    if (!is_one_of(name, kHostedTools)) {
      BERM_TRY(check.require_known("tool", name, {}));
      continue;
    }
    const RequestCheck::Fate fate = BERM_TRY(check.judge(name));
    if (fate == RequestCheck::Fate::keep) continue;
    erase_member(tool, name);
    check.note(name);
  }
  return {};
}

Result<void> check_tools(RequestCheck& check, Json& request) {
  Json* tools = member(request, "tools");
  if (tools == nullptr) return {};
  if (!tools->is_array()) return malformed("tools is not a list");
  for (Json& tool : *tools) BERM_TRY(check_tool(check, tool));
  auto& list = tools->get_ref<Json::array_t&>();
  std::erase_if(list, [](const Json& tool) { return tool.empty(); });
  if (!list.empty()) return {};
  erase_member(request, "tools");
  // It would speak of tools that are gone.
  if (erase_member(request, "toolConfig")) check.note("toolConfig");
  return {};
}

Result<void> check_generation(RequestCheck& check, Json& request) {
  const auto cap = check.rules().max_output_tokens;
  if (member(request, "generationConfig") == nullptr) {
    if (!cap || !is_billed(check.call())) return {};
    set_member(request, "generationConfig", Json::object());
  }
  Json& config = *member(request, "generationConfig");
  BERM_TRY(normalize_keys(config));
  const bool given = BERM_TRY(check.cap_tokens(config, "maxOutputTokens"));
  if (!cap) return {};
  BERM_TRY(check.refuse_many_answers(config, "candidateCount"));
  if (given || !is_billed(check.call())) return {};
  set_member(config, "maxOutputTokens", *cap);
  check.out().max_tokens = cap;
  return {};
}

// The path names the model; a body that names another one is read in two ways.
Result<void> check_named_model(const RequestCheck& check, const Json& request) {
  const Json* model = member(request, "model");
  if (model == nullptr) return {};
  const std::string_view name = text_member(request, "model");
  if (name == check.call().model || name == "models/" + check.call().model) return {};
  return malformed("its body names another model than its path");
}

Result<void> check_state(RequestCheck& check, Json& request) {
  // A cache is filled by an earlier request, tools included, out of our sight.
  if (member(request, "cachedContent") != nullptr) {
    BERM_TRY(check.require("cachedContent", "it refers to what the provider has stored:"));
  }
  const Json* store = member(request, "store");
  const bool may = check.rules().hosted_tools == HostedTools::allow || check.is_permitted("store");
  if (store != nullptr && *store != false && !may) {
    set_member(request, "store", false);
    check.note("store");
  }
  const std::string tier = lower(text_member(request, "serviceTier"));
  if (check.rules().premium == PremiumTier::standard_only &&
      tier.find("priority") != std::string_view::npos) {
    erase_member(request, "serviceTier");
    check.note("serviceTier");
  }
  return {};
}

Result<void> check_generate_request(RequestCheck& check, Json& request) {
  BERM_TRY(normalize_keys(request));
  BERM_TRY(check.check_fields(request, kFields));
  BERM_TRY(check_named_model(check, request));
  BERM_TRY(check_state(check, request));
  BERM_TRY(check_generation(check, request));
  BERM_TRY(check_tools(check, request));
  return check_contents(check, request);
}

}  // namespace

Result<void> check_gemini(RequestCheck& check) {
  BERM_TRY(check.check_model(check.call().model));
  check.out().stream = check.call().endpoint == ModelEndpoint::stream_generate;
  if (check.call().endpoint == ModelEndpoint::count_tokens) {
    BERM_TRY(normalize_keys(check.body()));
    Json* whole = member(check.body(), "generateContentRequest");
    if (whole != nullptr) {
      BERM_TRY(check.check_fields(check.body(), kCountFields));
      return check_generate_request(check, *whole);
    }
  }
  return check_generate_request(check, check.body());
}

}  // namespace berm

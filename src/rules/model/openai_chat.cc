// src/rules/model/openai_chat.cc: Chat Completions, as opencode and OpenAI-compatible servers use
// it.
//
// Fields as of 2026-11: developers.openai.com/api/docs/api-reference/chat/create, and openai/
// openai-python (types/chat/completion_create_params.py).
#include "rules/model/request_check.h"

namespace berm {
namespace {

// clang-format off
constexpr std::string_view kFields[] = {
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "functions",
    "function_call", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n",
    "store", "web_search_options", "audio", "frequency_penalty", "presence_penalty", "logit_bias",
    "logprobs", "top_logprobs", "metadata", "modalities", "moderation", "prediction",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "temperature",
    "top_p", "user", "verbosity"};
constexpr std::string_view kTools[] = {"function", "custom"};
constexpr std::string_view kParts[] = {
    "text", "refusal", "image_url", "input_audio", "file", "thinking", "reasoning"};
// clang-format on

Result<void> check_part(const RequestCheck& check, const Json& part) {
  if (!part.is_object()) return malformed("content holds something else than parts");
  BERM_TRY(check.require_known("type of content", text_member(part, "type"), kParts));
  const Json* image = member(part, "image_url");
  if (image != nullptr) {
    const Json* address = member(*image, "url");
    BERM_TRY(check.check_address(address == nullptr ? *image : *address));
  }
  const Json* file = member(part, "file");
  if (file != nullptr && member(*file, "file_id") != nullptr) {
    BERM_TRY(check.require("file source", "the provider would read a stored file:"));
  }
  return {};
}

Result<void> check_messages(const RequestCheck& check) {
  const Json* messages = member(check.body_view(), "messages");
  if (messages == nullptr || !messages->is_array()) return malformed("messages is not a list");
  for (const Json& message : *messages) {
    const Json* content = member(message, "content");
    if (content == nullptr || content->is_string()) continue;
    if (!content->is_array()) return malformed("content is neither text nor parts");
    for (const Json& part : *content) BERM_TRY(check_part(check, part));
  }
  return {};
}

// Chat Completions has no hosted tools of its own; gateways add some.
Result<void> check_tools(const RequestCheck& check) {
  const Json* tools = member(check.body_view(), "tools");
  if (tools == nullptr) return {};
  if (!tools->is_array()) return malformed("tools is not a list");
  for (const Json& tool : *tools) {
    if (!tool.is_object()) return malformed("tools holds something else than tools");
    BERM_TRY(check.require_known("type of tool", text_member(tool, "type"), kTools));
  }
  return {};
}

Result<void> check_output_limit(RequestCheck& check) {
  const bool older = BERM_TRY(check.cap_tokens(check.body(), "max_tokens"));
  const bool newer = BERM_TRY(check.cap_tokens(check.body(), "max_completion_tokens"));
  const auto cap = check.rules().max_output_tokens;
  if (!cap) return {};
  BERM_TRY(check.refuse_many_answers(check.body(), "n"));
  if (older || newer) return {};
  set_member(check.body(), "max_completion_tokens", *cap);
  check.out().max_tokens = cap;
  return {};
}

// Without it a stream ends without a word about usage.
Result<void> force_usage(RequestCheck& check) {
  check.out().stream = BERM_TRY(check.read_stream());
  if (!check.out().stream) return {};
  if (member(check.body(), "stream_options") == nullptr) {
    set_member(check.body(), "stream_options", Json::object());
  }
  Json* options = member(check.body(), "stream_options");
  if (!options->is_object()) return malformed("stream_options is not an object");
  set_member(*options, "include_usage", true);
  return {};
}

}  // namespace

Result<void> check_openai_chat(RequestCheck& check) {
  BERM_TRY(check.check_fields(check.body(), kFields));
  BERM_TRY(check_openai_model(check));
  BERM_TRY(force_usage(check));
  BERM_TRY(check_output_limit(check));
  BERM_TRY(check_openai_tier(check));
  if (member(check.body(), "store") != nullptr) BERM_TRY(force_no_store(check));  // default: no
  BERM_TRY(check.strip_field("web_search_options"));
  BERM_TRY(check_tools(check));
  return check_messages(check);
}

}  // namespace berm

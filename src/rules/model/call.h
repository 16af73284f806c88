// src/rules/model/call.h: which endpoint of a model API a request means. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berm {

/// Whose API it is. A gateway that speaks one of them counts as that one.
enum class ModelApi : std::uint8_t { anthropic, openai, gemini };

[[nodiscard]] std::string_view name_of(ModelApi api);  ///< "anthropic"

/// The endpoints that Claude Code, Codex, Gemini CLI and opencode need, and no other.
enum class ModelEndpoint : std::uint8_t {
  messages,         ///< Anthropic POST /v1/messages
  count_tokens,     ///< Anthropic POST /v1/messages/count_tokens, Gemini :countTokens
  responses,        ///< OpenAI POST /v1/responses
  compact,          ///< OpenAI POST /v1/responses/compact: Codex shortens its history there
  chat,             ///< OpenAI POST /v1/chat/completions
  generate,         ///< Gemini :generateContent
  stream_generate,  ///< Gemini :streamGenerateContent
  list_models,      ///< GET: no body, nothing to check or to meter
};

struct ModelCall {
  ModelApi api = ModelApi::anthropic;
  ModelEndpoint endpoint = ModelEndpoint::list_models;
  std::string model;  ///< Gemini names it in the path; else "", the body names it
  bool operator==(const ModelCall&) const = default;
};

/// True if the provider bills the response: its usage has to be metered.
[[nodiscard]] bool is_billed(const ModelCall& call);

/// The endpoint that `method` and `path` name. `path` is normalised (no dot segments, no escaped
/// unreserved characters), without a query and without the prefix of a gateway.
/// nullopt: refuse. Files, batches, fine-tuning, assistants, vector stores, containers, caches and
/// stored responses are each a place to leave data or a machine that runs code out of our sight.
[[nodiscard]] std::optional<ModelCall> classify_model_call(ModelApi api, std::string_view method,
                                                           std::string_view path);

}  // namespace berm

#include "rules/model/call.h"

#include <gtest/gtest.h>

namespace berm {
namespace {

std::optional<ModelEndpoint> endpoint(ModelApi api, std::string_view method,
                                      std::string_view path) {
  const auto call = classify_model_call(api, method, path);
  if (!call) return std::nullopt;
  return call->endpoint;
}

TEST(ClassifyModelCall, KnowsWhatTheClientsNeed) {
  using enum ModelEndpoint;
  EXPECT_EQ(endpoint(ModelApi::anthropic, "POST", "/v1/messages"), messages);
  EXPECT_EQ(endpoint(ModelApi::anthropic, "POST", "/v1/messages/count_tokens"), count_tokens);
  EXPECT_EQ(endpoint(ModelApi::anthropic, "GET", "/v1/models"), list_models);
  EXPECT_EQ(endpoint(ModelApi::anthropic, "GET", "/v1/models/claude-opus-5-5"), list_models);
  EXPECT_EQ(endpoint(ModelApi::openai, "POST", "/v1/responses"), responses);
  EXPECT_EQ(endpoint(ModelApi::openai, "POST", "/v1/responses/compact"), compact);
  EXPECT_EQ(endpoint(ModelApi::openai, "POST", "/v1/chat/completions"), chat);
  EXPECT_EQ(endpoint(ModelApi::openai, "GET", "/v1/models"), list_models);
  EXPECT_EQ(endpoint(ModelApi::gemini, "POST", "/v1beta/models/g-2.5:generateContent"), generate);
  EXPECT_EQ(endpoint(ModelApi::gemini, "POST", "/v1beta/models/g:countTokens"), count_tokens);
  EXPECT_EQ(endpoint(ModelApi::gemini, "GET", "/v1beta/models"), list_models);
  const auto stream =
      classify_model_call(ModelApi::gemini, "POST", "/v1beta/models/g-3:streamGenerateContent");
  EXPECT_EQ(stream, (ModelCall{ModelApi::gemini, stream_generate, "g-3"}));
}

TEST(ClassifyModelCall, RefusesStoresMachinesAndEverythingElse) {
  const struct {
    ModelApi api;
    std::string_view method, path;
  } kRefused[] = {
      {ModelApi::anthropic, "POST", "/v1/files"},
      {ModelApi::anthropic, "GET", "/v1/files"},
      {ModelApi::anthropic, "POST", "/v1/messages/batches"},
      {ModelApi::anthropic, "POST", "/v1/skills"},
      {ModelApi::anthropic, "POST", "/v1/messages/"},
      {ModelApi::anthropic, "GET", "/v1/messages"},
      {ModelApi::anthropic, "PUT", "/v1/messages"},
      {ModelApi::anthropic, "post", "/v1/messages"},
      {ModelApi::anthropic, "POST", "/v1/Messages"},
      {ModelApi::anthropic, "POST", "/v1/responses"},
      {ModelApi::anthropic, "GET", "/v1/models/"},
      {ModelApi::anthropic, "GET", "/v1/models/a/b"},
      {ModelApi::anthropic, "GET", "/v1/models/a%2Fb"},
      {ModelApi::anthropic, "GET", "/v1/models/.."},
      {ModelApi::anthropic, "GET", "/v1/modelsx"},
      {ModelApi::anthropic, "DELETE", "/v1/models/a"},
      {ModelApi::openai, "POST", "/v1/messages"},
      {ModelApi::openai, "GET", "/v1/responses/resp_1"},
      {ModelApi::openai, "POST", "/v1/responses/resp_1/cancel"},
      {ModelApi::openai, "POST", "/v1/files"},
      {ModelApi::openai, "POST", "/v1/containers"},
      {ModelApi::openai, "POST", "/v1/vector_stores"},
      {ModelApi::openai, "POST", "/v1/assistants"},
      {ModelApi::openai, "POST", "/v1/conversations"},
      {ModelApi::openai, "POST", "/v1/fine_tuning/jobs"},
      {ModelApi::openai, "POST", "/v1/batches"},
      {ModelApi::openai, "POST", "/v1/embeddings"},
      {ModelApi::gemini, "POST", "/upload/v1beta/files"},
      {ModelApi::gemini, "POST", "/v1beta/cachedContents"},
      {ModelApi::gemini, "POST", "/v1beta/models/g:batchGenerateContent"},
      {ModelApi::gemini, "POST", "/v1beta/models/g:generateContent:x"},
      {ModelApi::gemini, "POST", "/v1beta/models/:generateContent"},
      {ModelApi::gemini, "POST", "/v1beta/models/a/b:generateContent"},
      {ModelApi::gemini, "POST", "/v1beta/models/g"},
      {ModelApi::gemini, "POST", "/v1beta/tunedModels/g:generateContent"},
      {ModelApi::gemini, "GET", "/v1/models"},
  };
  for (const auto& [api, method, path] : kRefused) {
    EXPECT_EQ(endpoint(api, method, path), std::nullopt) << method << " " << path;
  }
}

}  // namespace
}  // namespace berm

// src/rules/model/request.h: what the body of a model request may ask for. Pure.
//
// A model API is the one host that every run may talk to, and it is a computer: it searches the
// web, fetches addresses, runs code and keeps files for whoever asks. Each of these goes round our
// egress rules. So the body is read, what the provider would do for the agent is taken out or
// refused, and what is sent on is our own writing of what was checked, not the agent's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "rules/model/call.h"

namespace berm {

/// What the agent tells its model of a tool call: it ran, or was refused.
struct ToolResult {
  std::string id;    ///< of the call, as the model named it
  std::string name;  ///< of the tool; "" if the conversation does not say
  bool error = false;
  bool operator==(const ToolResult&) const = default;
};

/// A request that may be sent.
struct CheckedRequest {
  std::string body;   ///< to send instead of the agent's; its length is the new Content-Length
  std::string model;  ///< without "models/"
  bool stream = false;
  std::optional<std::uint64_t> max_tokens;  ///< of output as sent; nullopt: only the model's own
  std::vector<ToolResult> tool_results;     ///< of the whole conversation so far
  std::vector<std::string> stripped;        ///< names of what was taken out or changed, sorted
};

/// Reads, checks and rewrites the body of a POST that classify_model_call() let through.
///
/// Forced besides the rules: OpenAI `store: false` (the default keeps every response for 30 days
/// where a later request can pick it up) and, for streamed chats, `stream_options.include_usage`.
/// Fields, types of tools and types of content that are not known are refused: new ones are added
/// to these APIs every month, and the next one may be a way out.
///
/// @return Errc::denied: the fix names the policy key that would permit it.
/// @see https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference
/// @see https://developers.openai.com/api/docs/api-reference/responses/create
/// @see https://ai.google.dev/api/generate-content
[[nodiscard]] Result<CheckedRequest> check_model_request(const ModelCall& call,
                                                         std::string_view body,
                                                         const ModelRules& rules);

}  // namespace berm

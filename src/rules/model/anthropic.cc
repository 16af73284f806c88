// src/rules/model/anthropic.cc: the Messages API and its token counter.
//
// Types and fields as of 2026-11: platform.claude.com/docs/en/agents-and-tools/tool-use/
// tool-reference, and the request types of anthropics/anthropic-sdk-python
// (types/beta/beta_tool_union_param.py, beta_content_block_param.py, message_create_params.py).
#include <algorithm>

#include "base/text.h"
#include "rules/model/request_check.h"

namespace berm {
namespace {

// clang-format off
constexpr std::string_view kFields[] = {
    "model", "messages", "system", "max_tokens", "tools", "tool_choice", "stream", "temperature",
    "top_k", "top_p", "stop_sequences", "metadata", "thinking", "context_management",
    "output_config", "output_format", "cache_control", "diagnostics", "inference_geo", "speed",
    "service_tier", "fallbacks", "fallback_credit_token", "mcp_servers", "container"};

// The provider runs these. The advisor is a second model, at its own price. tool_search_tool_*
// runs there too, but only searches the tools of this very request.
constexpr std::string_view kHostedTools[] = {
    "web_search_", "web_fetch_", "code_execution_", "advisor_", "mcp_toolset"};
constexpr std::string_view kClientTools[] = {
    "bash_", "text_editor_", "computer_", "memory_",
    "tool_search_tool_regex_", "tool_search_tool_bm25_"};
constexpr std::string_view kUndatedTools[] = {
    "custom", "tool_search_tool_regex", "tool_search_tool_bm25"};

// Content. The results of hosted tools are history: text, nothing is fetched for them.
constexpr std::string_view kBlocks[] = {
    "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use",
    "tool_result", "tool_reference", "server_tool_use", "mcp_tool_use", "compaction", "fallback",
    "mid_conv_system", "tool_addition", "tool_removal", "mcp_tool_reference",
    "mcp_toolset_reference"};
constexpr std::string_view kResultOf[] = {
    "web_search_", "web_fetch_", "code_execution_", "bash_code_execution_",
    "text_editor_code_execution_", "encrypted_code_execution_", "tool_search_tool_", "advisor_",
    "mcp_tool_"};
// clang-format on

bool is_date(std::string_view text) {
  return text.size() == 8 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

ToolSide side_of(std::string_view type) {
  if (is_one_of(type, kUndatedTools)) return ToolSide::client;
  for (const std::string_view prefix : kHostedTools) {
    if (type.starts_with(prefix)) return ToolSide::hosted;
  }
  for (const std::string_view prefix : kClientTools) {
    if (type.starts_with(prefix) && is_date(type.substr(prefix.size()))) return ToolSide::client;
  }
  return ToolSide::unknown;
}

bool is_known_block(std::string_view type) {
  if (is_one_of(type, kBlocks)) return true;
  return std::ranges::any_of(kResultOf, [&](std::string_view prefix) {
    return type.starts_with(prefix) &&
           (type.ends_with("_result") || type.ends_with("_error") || type.ends_with("_output"));
  });
}

Result<void> check_content(const RequestCheck& check, const Json& content);

// Where an image or a document comes from. An address is fetched by the provider, and its query
// carries what the agent likes; a file is one that somebody stored there before.
Result<void> check_source(const RequestCheck& check, const Json& source) {
  const std::string_view type = text_member(source, "type");
  if (type == "base64" || type == "text") return {};
  if (type == "content") {
    const Json* content = member(source, "content");
    return content == nullptr ? Result<void>() : check_content(check, *content);
  }
  if (type == "url") return check.require("url source", "the provider would fetch an address:");
  if (type == "file") return check.require("file source", "the provider would read a stored file:");
  return check.require_known("type of source", type, {});
}

Result<void> check_block(const RequestCheck& check, const Json& block) {
  if (!block.is_object()) return malformed("content holds something else than blocks");
  const std::string_view type = text_member(block, "type");
  if (type == "container_upload") {
    BERM_TRY(check.require("file source", "the provider would read a stored file:"));
  } else if (!is_known_block(type)) {
    BERM_TRY(check.require_known("type of content", type, {}));
  }
  const Json* source = member(block, "source");
  if (source != nullptr && source->is_object()) BERM_TRY(check_source(check, *source));
  const Json* content = member(block, "content");
  if (content != nullptr) BERM_TRY(check_content(check, *content));
  return {};
}

Result<void> check_content(const RequestCheck& check, const Json& content) {
  if (content.is_string()) return {};
  if (content.is_object()) return check_block(check, content);
  if (!content.is_array()) return malformed("content is neither text nor blocks");
  for (const Json& block : content) BERM_TRY(check_block(check, block));
  return {};
}

Result<void> check_messages(RequestCheck& check) {
  if (const Json* system = member(check.body(), "system")) BERM_TRY(check_content(check, *system));
  const Json* messages = member(check.body(), "messages");
  if (messages == nullptr || !messages->is_array()) return malformed("messages is not a list");
  for (const Json& message : *messages) {
    const Json* content = member(message, "content");
    if (content != nullptr) BERM_TRY(check_content(check, *content));
  }
  return {};
}

// A tool that stays must not name a caller that is gone, or the API refuses the request.
Result<void> drop_gone_callers(Json& tool) {
  Json* callers = member(tool, "allowed_callers");
  if (callers == nullptr || !callers->is_array()) return {};
  auto& list = callers->get_ref<Json::array_t&>();
  std::erase_if(list, [](const Json& caller) {
    return caller.is_string() &&
           caller.get_ref<const std::string&>().starts_with("code_execution_");
  });
  if (!list.empty()) return {};
  return refuse("its only caller is a hosted tool:", "code_execution");
}

Result<void> check_tool_choice(RequestCheck& check, const std::vector<std::string>& gone) {
  const Json* choice = member(check.body(), "tool_choice");
  if (choice == nullptr) return {};
  const std::string_view name = text_member(*choice, "name");
  if (std::ranges::find(gone, name) != gone.end()) {
    return refuse("tool_choice asks for a hosted tool:", name);
  }
  if (member(check.body(), "tools") != nullptr) return {};
  if (text_member(*choice, "type") == "any") {
    return refuse("tool_choice asks for a tool, and all were hosted:", "tool_choice");
  }
  erase_member(check.body(), "tool_choice");
  return {};
}

// True if the tool stays.
Result<bool> check_tool(RequestCheck& check, const Json& tool) {
  if (!tool.is_object()) return malformed("tools holds something else than tools");
  const Json* type_value = member(tool, "type");
  if (type_value == nullptr) return true;  // the agent's own
  if (!type_value->is_string()) return malformed("the type of a tool is not text");
  const std::string_view type = text_member(tool, "type");
  switch (side_of(type)) {
    case ToolSide::client:
      return true;
    case ToolSide::unknown:
      BERM_TRY(check.require_known("type of tool", type, {}));
      return true;
    case ToolSide::hosted:
      break;
  }
  const RequestCheck::Fate fate = BERM_TRY(check.judge(type));
  if (fate == RequestCheck::Fate::strip) check.note(type);
  return fate == RequestCheck::Fate::keep;
}

Result<void> check_tools(RequestCheck& check) {
  Json* tools = member(check.body(), "tools");
  if (tools == nullptr) return {};
  if (!tools->is_array()) return malformed("tools is not a list");
  auto& list = tools->get_ref<Json::array_t&>();
  std::vector<std::string> gone;
  bool code_execution_gone = false;
  Json::array_t stay;
  for (Json& tool : list) {
    const bool stays = BERM_TRY(check_tool(check, tool));
    if (stays) {
      stay.push_back(std::move(tool));
      continue;
    }
    gone.emplace_back(text_member(tool, "name"));
    code_execution_gone |= text_member(tool, "type").starts_with("code_execution_");
  }
  list = std::move(stay);
  if (gone.empty()) return {};
  if (code_execution_gone) {
    for (Json& tool : list) BERM_TRY(drop_gone_callers(tool));
  }
  if (list.empty()) erase_member(check.body(), "tools");
  return check_tool_choice(check, gone);
}

// Another model may take over when the first refuses: the same rules hold for it. "default" leaves
// the choice to the provider.
Result<void> check_fallbacks(RequestCheck& check) {
  Json* fallbacks = member(check.body(), "fallbacks");
  if (fallbacks == nullptr) return {};
  if (!fallbacks->is_array()) {
    if (check.rules().models.empty() || check.is_permitted("fallbacks")) return {};
    erase_member(check.body(), "fallbacks");
    check.note("fallbacks");
    return {};
  }
  for (Json& fallback : *fallbacks) {
    if (!fallback.is_object()) return malformed("fallbacks holds something else than models");
    const std::string_view model = text_member(fallback, "model");
    if (model.empty() || !model_is_allowed(check.rules(), model)) {
      return refuse("model.models does not list the fallback", model);
    }
    BERM_TRY(check.cap_tokens(fallback, "max_tokens"));
    if (check.rules().premium == PremiumTier::standard_only) erase_member(fallback, "speed");
  }
  return {};
}

// The API wants thinking.budget_tokens below max_tokens and at least 1,024.
Result<void> fit_thinking(RequestCheck& check) {
  Json* thinking = member(check.body(), "thinking");
  Json* budget = thinking == nullptr ? nullptr : member(*thinking, "budget_tokens");
  if (budget == nullptr || !check.rules().max_output_tokens) return {};
  const std::uint64_t cap = check.out().max_tokens.value_or(0);
  if (!budget->is_number_unsigned() || budget->get<std::uint64_t>() < cap) return {};
  if (cap <= 1024) return malformed("model.max_output_tokens leaves no room for thinking");
  *budget = cap - 1;
  check.note("budget_tokens");
  return {};
}

Result<void> check_premium(RequestCheck& check) {
  if (check.rules().premium == PremiumTier::allow) return {};
  if (text_member(check.body(), "speed") == "fast") {
    erase_member(check.body(), "speed");
    check.note("speed");
  }
  return {};
}

}  // namespace

Result<void> check_anthropic(RequestCheck& check) {
  BERM_TRY(check.check_fields(check.body(), kFields));
  BERM_TRY(check.check_model(text_member(check.body(), "model")));
  check.out().stream = BERM_TRY(check.read_stream());
  if (check.call().endpoint == ModelEndpoint::messages) {
    const bool has_limit = BERM_TRY(check.cap_tokens(check.body(), "max_tokens"));
    if (!has_limit) return malformed("max_tokens is missing");
    BERM_TRY(fit_thinking(check));
  }
  BERM_TRY(check_premium(check));
  BERM_TRY(check_fallbacks(check));
  BERM_TRY(check.strip_field("mcp_servers"));
  BERM_TRY(check.strip_field("container"));  // a machine of the provider's, and its skills
  BERM_TRY(check_tools(check));
  return check_messages(check);
}

}  // namespace berm

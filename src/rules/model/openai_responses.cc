// src/rules/model/openai_responses.cc: the Responses API, as Codex and opencode use it.
//
// Types and fields as of 2026-11: developers.openai.com/api/docs/api-reference/responses/create,
// and the request types of openai/openai-python (types/responses/tool_param.py,
// response_input_item_param.py, response_create_params.py).
#include <algorithm>

#include "rules/model/request_check.h"

namespace berm {
namespace {

// clang-format off
constexpr std::string_view kFields[] = {
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
    "store", "stream", "stream_options", "include", "max_output_tokens", "max_tool_calls",
    "metadata", "client_metadata", "moderation", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "safety_identifier", "service_tier", "temperature", "text",
    "top_logprobs", "top_p", "truncation", "user", "context_management", "background",
    "previous_response_id", "conversation", "prompt"};

constexpr std::string_view kHostedTools[] = {
    "file_search", "code_interpreter", "image_generation", "mcp", "programmatic_tool_calling"};
constexpr std::string_view kClientTools[] = {
    "function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview",
    "tool_search", "namespace", "shell"};

constexpr std::string_view kItems[] = {
    "message", "reasoning", "function_call", "function_call_output", "custom_tool_call",
    "custom_tool_call_output", "local_shell_call", "local_shell_call_output", "shell_call",
    "shell_call_output", "apply_patch_call", "apply_patch_call_output", "computer_call",
    "computer_call_output", "tool_search_call", "tool_search_output", "additional_tools",
    "compaction", "compaction_summary", "compaction_trigger", "web_search_call",
    "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_list_tools",
    "mcp_call", "mcp_approval_request", "mcp_approval_response", "program", "program_output"};
constexpr std::string_view kParts[] = {
    "input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text",
    "input_image", "input_file", "computer_screenshot"};
// clang-format on

ToolSide side_of(const Json& tool, std::string_view type) {
  if (type.starts_with("web_search")) return ToolSide::hosted;  // and its dated previews
  if (is_one_of(type, kHostedTools)) return ToolSide::hosted;
  if (type == "shell") {  // the agent's machine, unless it asks for a container of the provider's
    const Json* where = member(tool, "environment");
    const bool local = where == nullptr || text_member(*where, "type") == "local";
    return local ? ToolSide::client : ToolSide::hosted;
  }
  return is_one_of(type, kClientTools) ? ToolSide::client : ToolSide::unknown;
}

Result<void> drop_gone_callers(Json& tool) {
  Json* callers = member(tool, "allowed_callers");
  if (callers == nullptr || !callers->is_array()) return {};
  auto& list = callers->get_ref<Json::array_t&>();
  std::erase(list, Json("programmatic"));
  if (!list.empty()) return {};
  return refuse("its only caller is a hosted tool:", "programmatic_tool_calling");
}

/// Which types were taken out, so that tool_choice can be held against them.
using Gone = std::vector<std::string>;

Result<void> check_tools(RequestCheck& check, Json& tools, Gone& gone);

// True if the tool stays.
Result<bool> check_tool(RequestCheck& check, Json& tool, Gone& gone) {
  const std::string_view type = text_member(tool, "type");
  const ToolSide side = side_of(tool, type);
  if (side == ToolSide::unknown) BERM_TRY(check.require_known("type of tool", type, {}));
  if (side == ToolSide::hosted) {
    const RequestCheck::Fate fate = BERM_TRY(check.judge(type));
    if (fate == RequestCheck::Fate::strip) {
      check.note(type);
      gone.emplace_back(type);
      return false;
    }
  }
  Json* inner = member(tool, "tools");  // of a namespace
  if (inner != nullptr) BERM_TRY(check_tools(check, *inner, gone));
  return true;
}

Result<void> check_tools(RequestCheck& check, Json& tools, Gone& gone) {
  if (!tools.is_array()) return malformed("tools is not a list");
  auto& list = tools.get_ref<Json::array_t&>();
  Json::array_t stay;
  for (Json& tool : list) {
    if (!tool.is_object()) return malformed("tools holds something else than tools");
    const bool stays = BERM_TRY(check_tool(check, tool, gone));
    if (stays) stay.push_back(std::move(tool));
  }
  list = std::move(stay);
  if (std::ranges::find(gone, "programmatic_tool_calling") == gone.end()) return {};
  for (Json& tool : list) BERM_TRY(drop_gone_callers(tool));
  return {};
}

Result<void> check_tool_choice(RequestCheck& check, const Gone& gone) {
  Json* choice = member(check.body(), "tool_choice");
  if (choice == nullptr || gone.empty()) return {};
  const auto is_gone = [&](const Json& tool) {
    return std::ranges::find(gone, text_member(tool, "type")) != gone.end();
  };
  if (choice->is_object()) {
    if (is_gone(*choice)) {
      return refuse("tool_choice asks for a hosted tool:", text_member(*choice, "type"));
    }
    Json* allowed = member(*choice, "tools");  // {"type": "allowed_tools", …}
    if (allowed == nullptr || !allowed->is_array()) return {};
    auto& list = allowed->get_ref<Json::array_t&>();
    std::erase_if(list, is_gone);
    if (list.empty()) return refuse("tool_choice allows only hosted tools:", "allowed_tools");
    return {};
  }
  const Json* tools = member(check.body(), "tools");
  if ((tools == nullptr || tools->empty()) && *choice == "required") {
    return refuse("tool_choice asks for a tool, and all were hosted:", "tool_choice");
  }
  return {};
}

// A picture or a file travels along as data; an address or a file's id is the provider's to fetch.
Result<void> check_part(const RequestCheck& check, const Json& part) {
  if (!part.is_object()) return malformed("content holds something else than parts");
  BERM_TRY(check.require_known("type of content", text_member(part, "type"), kParts));
  const Json* image = member(part, "image_url");
  if (image != nullptr) BERM_TRY(check.check_address(*image));
  const Json* address = member(part, "file_url");
  if (address != nullptr) BERM_TRY(check.check_address(*address));
  if (member(part, "file_id") != nullptr) {
    BERM_TRY(check.require("file source", "the provider would read a stored file:"));
  }
  return {};
}

Result<void> check_content(const RequestCheck& check, const Json* content) {
  if (content == nullptr || content->is_string()) return {};
  if (content->is_object()) return check_part(check, *content);
  if (!content->is_array()) return malformed("content is neither text nor parts");
  for (const Json& part : *content) BERM_TRY(check_part(check, part));
  return {};
}

Result<void> check_item(RequestCheck& check, Json& item, Gone& gone) {
  if (!item.is_object()) return malformed("input holds something else than items");
  std::string_view type = text_member(item, "type");
  if (type.empty() && member(item, "role") != nullptr) type = "message";
  if (type.empty() || type == "item_reference") {  // {"id": …} alone is one too
    return check.require("item_reference", "it refers to what the provider has stored:");
  }
  BERM_TRY(check.require_known("type of input", type, kItems));
  BERM_TRY(check_content(check, member(item, "content")));
  // Of shell calls it is what the shell said; of the others, text or parts.
  if (!type.starts_with("shell_call")) BERM_TRY(check_content(check, member(item, "output")));
  const Json* where = member(item, "environment");
  if (where != nullptr && text_member(*where, "type") != "local") {
    BERM_TRY(check.require("shell", "it names a container of the provider's:"));
  }
  // Tools come in through the input too: additional_tools, tool_search_output. What an MCP server
  // once listed is history, and calls nothing.
  Json* tools = member(item, "tools");
  if (tools != nullptr && type != "mcp_list_tools") BERM_TRY(check_tools(check, *tools, gone));
  return {};
}

Result<void> check_input(RequestCheck& check, Gone& gone) {
  Json* input = member(check.body(), "input");
  if (input == nullptr || input->is_string()) return {};
  if (!input->is_array()) return malformed("input is neither text nor a list");
  for (Json& item : *input) BERM_TRY(check_item(check, item, gone));
  return {};
}

// State that an earlier request left at the provider: history, tools and instructions unseen here.
Result<void> check_stored_state(const RequestCheck& check) {
  constexpr std::string_view kStored[] = {"previous_response_id", "conversation", "prompt"};
  for (const std::string_view field : kStored) {
    if (member(check.body_view(), field) == nullptr) continue;
    BERM_TRY(check.require(field, "it refers to what the provider has stored:"));
  }
  const Json* background = member(check.body_view(), "background");
  if (background == nullptr || *background == false) return {};
  return check.require("background", "the answer would be fetched later, unmetered:");
}

Result<void> check_output_limit(RequestCheck& check) {
  const bool given = BERM_TRY(check.cap_tokens(check.body(), "max_output_tokens"));
  const auto cap = check.rules().max_output_tokens;
  // The compaction endpoint takes no limit (types/responses/response_compact_params.py).
  if (given || !cap || check.call().endpoint == ModelEndpoint::compact) return {};
  set_member(check.body(), "max_output_tokens", *cap);
  check.out().max_tokens = cap;
  return {};
}

}  // namespace

Result<void> check_openai_responses(RequestCheck& check) {
  BERM_TRY(check.check_fields(check.body(), kFields));
  BERM_TRY(check_openai_model(check));
  check.out().stream = BERM_TRY(check.read_stream());
  BERM_TRY(check_stored_state(check));
  BERM_TRY(check_output_limit(check));
  BERM_TRY(check_openai_tier(check));
  if (check.call().endpoint == ModelEndpoint::responses) BERM_TRY(force_no_store(check));
  Gone gone;
  Json* tools = member(check.body(), "tools");
  if (tools != nullptr) BERM_TRY(check_tools(check, *tools, gone));
  BERM_TRY(check_input(check, gone));
  return check_tool_choice(check, gone);
}

}  // namespace berm

#include "rules/model/tool_results.h"

#include <map>

namespace berm {
namespace {

constexpr std::size_t kMostResults = 10'000;

// Collects the names that calls gave, and the results that refer to them.
struct Conversation {
  std::map<std::string, std::string, std::less<>> names;
  std::vector<ToolResult> results;

  void call(std::string_view id, std::string_view name) {
    if (!id.empty() && names.size() < kMostResults) names.emplace(id, name);
  }
  void result(std::string_view id, bool error) {
    if (id.empty() || results.size() >= kMostResults) return;
    const auto named = names.find(id);
    results.push_back(
        {.id = std::string(id), .name = named == names.end() ? "" : named->second, .error = error});
  }
};

bool is_true(const Json* value) {
  return value != nullptr && value->is_boolean() && *value == true;
}

template <class F>
void each(const Json* list, F visit) {
  if (list == nullptr || !list->is_array()) return;
  for (const Json& one : *list) {
    if (one.is_object()) visit(one);
  }
}

void read_anthropic(const Json& body, Conversation& out) {
  each(member(body, "messages"), [&](const Json& message) {
    each(member(message, "content"), [&](const Json& block) {
      const std::string_view type = text_member(block, "type");
      if (type == "tool_use") out.call(text_member(block, "id"), text_member(block, "name"));
      if (type == "tool_result") {
        out.result(text_member(block, "tool_use_id"), is_true(member(block, "is_error")));
      }
    });
  });
}

void read_openai(const Json& body, Conversation& out) {
  each(member(body, "input"), [&](const Json& item) {
    const std::string_view type = text_member(item, "type");
    if (type.ends_with("_call")) out.call(text_member(item, "call_id"), text_member(item, "name"));
    if (type.ends_with("_call_output")) out.result(text_member(item, "call_id"), false);
  });
  each(member(body, "messages"), [&](const Json& message) {
    each(member(message, "tool_calls"), [&](const Json& call) {
      const Json* function = member(call, "function");
      out.call(text_member(call, "id"), function == nullptr ? "" : text_member(*function, "name"));
    });
    if (text_member(message, "role") == "tool") {
      out.result(text_member(message, "tool_call_id"), false);
    }
  });
}

// Gemini names the function; an id is there only sometimes, and then the place in the conversation
// tells two calls apart.
void read_gemini(const Json& body, Conversation& out) {
  std::size_t place = 0;
  each(member(body, "contents"), [&](const Json& content) {
    each(member(content, "parts"), [&](const Json& part) {
      const Json* response = member(part, "functionResponse");
      ++place;
      if (response == nullptr) return;
      std::string id(text_member(*response, "id"));
      if (id.empty()) id = "part-" + std::to_string(place);
      out.call(id, text_member(*response, "name"));
      out.result(id, false);
    });
  });
}

}  // namespace

std::vector<ToolResult> tool_results_in(ModelApi api, const Json& body) {
  Conversation out;
  if (api == ModelApi::anthropic) read_anthropic(body, out);
  if (api == ModelApi::openai) read_openai(body, out);
  if (api == ModelApi::gemini) read_gemini(body, out);
  return std::move(out.results);
}

}  // namespace berm

#include "drill/model/answer.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm::drill {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}
std::string text_of(const json& object, const char* key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}
std::string dumped(const json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Newer models take their tools as items of the input, and in groups.
void collect_names(const json& tools, std::vector<std::string>& names, int depth = 0) {
  if (!tools.is_array() || depth > 3) return;
  for (const json& one : tools) {
    names.push_back(text_of(one, "name").empty() ? text_of(one, "type") : text_of(one, "name"));
    collect_names(member(one, "tools"), names, depth + 1);
  }
}

void read_anthropic(const json& body, Asked& out) {
  for (const json& tool : member(body, "tools")) {
    if (text_of(tool, "name") == "Bash") out.shell = "Bash";
  }
  const json& messages = member(body, "messages");
  if (!messages.is_array()) return;
  for (const json& message : messages) {
    if (text_of(message, "role") == "assistant") ++out.turn;
    const json& content = member(message, "content");
    if (!content.is_array()) continue;
    for (const json& block : content) {
      if (text_of(block, "type") != "tool_result") continue;
      out.results += dumped(member(block, "content")) + "\n";
    }
  }
}

void read_openai(const json& body, Asked& out) {
  std::vector<std::string> names;
  collect_names(member(body, "tools"), names);
  const json& input = member(body, "input");
  if (input.is_array()) {
    for (const json& item : input) {
      collect_names(member(item, "tools"), names);
      if (!text_of(item, "type").ends_with("_output")) continue;
      ++out.turn;
      out.results += dumped(member(item, "output")) + "\n";
    }
  }
  for (const char* shell : {"bash", "shell_command", "exec", "exec_command"}) {
    if (std::ranges::find(names, shell) != names.end()) out.shell = shell;
  }
}

std::string heredoc(const Step& step) {
  return fmt::format("mkdir -p \"$(dirname '{0}')\"; cat > '{0}' <<'DRILL_END'\n{1}\nDRILL_END",
                     step.path, step.text);
}

struct Call {
  std::string name;
  json input;
};
Call call_for_claude(const Step& step) {
  if (step.kind == Step::Kind::tool) return {step.text, step.input};
  if (step.kind == Step::Kind::write) {
    return {"Write", {{"file_path", step.path}, {"content", step.text}}};
  }
  return {"Bash", {{"command", step.text}, {"description", "a step"}}};
}

// Without a turn of its own it is the last word.
json anthropic_block(const Step* step, std::size_t turn) {
  if (step == nullptr) return {{"type", "text"}, {"text", "Done."}};
  Call call = call_for_claude(*step);
  return {{"type", "tool_use"},
          {"id", fmt::format("toolu_drill_{}", turn)},
          {"name", std::move(call.name)},
          {"input", std::move(call.input)}};
}

std::string anthropic_stream(const json& whole, const json& block) {
  json begun = whole;
  begun["content"] = json::array();
  begun["stop_reason"] = nullptr;
  std::string out = sse("message_start", {{"message", begun}});
  const bool is_call = block["type"] == "tool_use";
  json empty = block;
  empty[is_call ? "input" : "text"] = is_call ? json::object() : json("");
  out += sse("content_block_start", {{"index", 0}, {"content_block", empty}});
  out += sse("content_block_delta",
             {{"index", 0},
              {"delta",
               is_call ? json{{"type", "input_json_delta"}, {"partial_json", block["input"].dump()}}
                       : json{{"type", "text_delta"}, {"text", block["text"]}}}});
  out += sse("content_block_stop", {{"index", 0}});
  out += sse("message_delta", {{"delta", {{"stop_reason", whole["stop_reason"]}}},
                               {"usage", {{"output_tokens", 5}}}});
  return out + sse("message_stop", json::object());
}

std::string anthropic_answer(const Asked& asked, const Step* step, unsigned number) {
  const json block = anthropic_block(asked.known ? step : nullptr, asked.turn);
  const json whole = {{"id", fmt::format("msg_drill_{}", number)},
                      {"type", "message"},
                      {"role", "assistant"},
                      {"model", asked.model.empty() ? "drill" : asked.model},
                      {"content", json::array({block})},
                      {"stop_reason", block["type"] == "tool_use" ? "tool_use" : "end_turn"},
                      {"stop_sequence", nullptr},
                      {"usage", {{"input_tokens", 10}, {"output_tokens", 5}}}};
  return asked.stream ? http_answer(200, "text/event-stream", anthropic_stream(whole, block))
                      : http_answer(200, "application/json", whole.dump());
}

json openai_item(const Asked& asked, const Step* step, unsigned number) {
  if (!asked.known || step == nullptr) {
    return {{"type", "message"},
            {"id", fmt::format("msg_{}", number)},
            {"role", "assistant"},
            {"status", "completed"},
            {"content",
             json::array(
                 {{{"type", "output_text"}, {"text", "Done."}, {"annotations", json::array()}}})}};
  }
  json item = {{"id", fmt::format("fc_{}", number)},
               {"call_id", fmt::format("call_{}", asked.turn)},
               {"status", "completed"},
               {"name", asked.shell}};
  if (step->kind == Step::Kind::tool) {
    item.update(
        {{"type", "function_call"}, {"name", step->text}, {"arguments", step->input.dump()}});
    return item;
  }
  const std::string command = step->kind == Step::Kind::write ? heredoc(*step) : step->text;
  if (asked.shell == "exec") {  // its tool runs JavaScript, which calls the others
    item.update({{"type", "custom_tool_call"},
                 {"input", fmt::format("const done = await tools.exec_command({}); "
                                       "text(done.output);",
                                       json{{"cmd", command}}.dump())}});
    return item;
  }
  const char* argument = asked.shell == "exec_command" ? "cmd" : "command";
  item.update({{"type", "function_call"}, {"arguments", json{{argument, command}}.dump()}});
  return item;
}

std::string openai_answer(const Asked& asked, const Step* step, unsigned number) {
  const json item = openai_item(asked, step, number);
  json whole = {{"id", fmt::format("resp_{}", number)},
                {"object", "response"},
                {"model", asked.model},
                {"status", "completed"},
                {"output", json::array({item})},
                {"usage",
                 {{"input_tokens", 10},
                  {"input_tokens_details", {{"cached_tokens", 0}}},
                  {"output_tokens", 5},
                  {"output_tokens_details", {{"reasoning_tokens", 0}}},
                  {"total_tokens", 15}}}};
  if (!asked.stream) return http_answer(200, "application/json", whole.dump());
  json begun = whole;
  begun["status"] = "in_progress";
  begun["output"] = json::array();
  begun["usage"] = nullptr;
  return http_answer(200, "text/event-stream",
                     sse("response.created", {{"response", begun}}) +
                         sse("response.output_item.added", {{"output_index", 0}, {"item", item}}) +
                         sse("response.output_item.done", {{"output_index", 0}, {"item", item}}) +
                         sse("response.completed", {{"response", whole}}));
}

}  // namespace

Asked read_request(Api api, std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  Asked out;
  if (!body.is_object()) return out;
  out.model = text_of(body, "model");
  out.stream = member(body, "stream") == json(true);
  if (api == Api::anthropic) {
    read_anthropic(body, out);
  } else {
    read_openai(body, out);
  }
  out.known = !out.shell.empty();
  return out;
}

Raw answer(Api api, const Asked& asked, const std::vector<Step>& steps, unsigned number) {
  const Step* step = nullptr;
  if (asked.turn < steps.size()) {
    step = &steps[asked.turn];
  } else if (!steps.empty() && steps.back().forever) {
    step = &steps.back();
  }
  if (asked.known && step != nullptr && step->kind == Step::Kind::malformed) {
    return malformed_answer(step->shape, api, number);
  }
  return {api == Api::anthropic ? anthropic_answer(asked, step, number)
                                : openai_answer(asked, step, number)};
}

std::string http_answer(int status, std::string_view type, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
      status, status == 200 ? "OK" : "Not Found", type, body.size(), body);
}

std::string sse(std::string_view event, const json& data) {
  json whole = data;
  whole["type"] = event;
  return fmt::format("event: {}\ndata: {}\n\n", event, whole.dump());
}

}  // namespace berm::drill

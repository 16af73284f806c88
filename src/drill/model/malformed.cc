#include "drill/model/malformed.h"

#include <fmt/format.h>

#include "drill/model/answer.h"

namespace berm::drill {
namespace {

using nlohmann::json;

constexpr const char* kEvents = "text/event-stream";
constexpr std::size_t kHuge = 24U << 20U;
constexpr int kCalls = 10000;
constexpr std::size_t kDepth = 100000;

// The beginning of an honest stream, so that the client is past its first checks.
std::string opening(Api api, unsigned number) {
  if (api == Api::openai) {
    return sse("response.created", {{"response",
                                     {{"id", fmt::format("resp_{}", number)},
                                      {"object", "response"},
                                      {"status", "in_progress"},
                                      {"output", json::array()}}}});
  }
  return sse("message_start", {{"message",
                                {{"id", fmt::format("msg_drill_{}", number)},
                                 {"type", "message"},
                                 {"role", "assistant"},
                                 {"model", "drill"},
                                 {"content", json::array()},
                                 {"stop_reason", nullptr},
                                 {"stop_sequence", nullptr},
                                 {"usage", {{"input_tokens", 1}, {"output_tokens", 1}}}}}});
}

std::string piece_of_text(Api api, const std::string& text) {
  if (api == Api::openai) {
    return sse("response.output_text.delta",
               {{"output_index", 0}, {"content_index", 0}, {"item_id", "m"}, {"delta", text}});
  }
  return sse("content_block_delta",
             {{"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
}

// Thousands of calls in one answer, each of them harmless.
std::string many_calls(Api api, unsigned number) {
  std::string out = opening(api, number);
  for (int i = 0; i < kCalls; ++i) {
    const std::string id = fmt::format("call_{}_{}", number, i);
    if (api == Api::openai) {
      out += sse("response.output_item.done", {{"output_index", i},
                                               {"item",
                                                {{"type", "function_call"},
                                                 {"id", "fc_" + id},
                                                 {"call_id", id},
                                                 {"name", "exec_command"},
                                                 {"status", "completed"},
                                                 {"arguments", R"({"cmd":"true"})"}}}});
      continue;
    }
    out += sse("content_block_start", {{"index", i},
                                       {"content_block",
                                        {{"type", "tool_use"},
                                         {"id", "toolu_" + id},
                                         {"name", "Bash"},
                                         {"input", json::object()}}}});
    out +=
        sse("content_block_delta",
            {{"index", i},
             {"delta", {{"type", "input_json_delta"}, {"partial_json", R"({"command":"true"})"}}}});
    out += sse("content_block_stop", {{"index", i}});
  }
  if (api == Api::openai) {
    return out + sse("response.completed", {{"response", {{"id", "r"}, {"status", "completed"}}}});
  }
  return out + sse("message_delta", {{"delta", {{"stop_reason", "tool_use"}}}}) +
         sse("message_stop", json::object());
}

std::string deep_json(Api api, unsigned number) {
  const std::string nest = std::string(kDepth, '[') + std::string(kDepth, ']');
  return opening(api, number) +
         "event: " + (api == Api::openai ? "response.output_item.done" : "content_block_delta") +
         "\ndata: {\"type\":\"" +
         (api == Api::openai ? "response.output_item.done" : "content_block_delta") +
         "\",\"index\":0,\"delta\":" + nest + "}\n\n";
}

std::string garbage() {
  std::string out;
  for (int round = 0; round < 500; ++round) {
    // A lone continuation, an overlong slash, a surrogate, above U+10FFFF, bidi and tag characters.
    out += "\x80\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x80\xae\xf3\xa0\x81\x81\xff";
  }
  return out;
}

}  // namespace

Raw malformed_answer(Shape shape, Api api, unsigned number) {
  const std::string start = opening(api, number);
  switch (shape) {
    case Shape::none:
    case Shape::empty_body:
      return {http_answer(200, kEvents, "")};
    case Shape::broken_sse:
      return {
          http_answer(200, kEvents, start + "event data nonsense\ndata:\ndata: \r\r\n: \n\nid")};
    case Shape::half_json:
      return {
          http_answer(200, kEvents, start + "event: content_block_start\ndata: {\"type\":\"con")};
    case Shape::huge_output:
      return {http_answer(200, kEvents, start + piece_of_text(api, std::string(kHuge, 'A')))};
    case Shape::wrong_length:
      return {
          "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 7\r\n"
          "connection: close\r\n\r\n" +
          start + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"};
    case Shape::wrong_status:
      return {
          "HTTP/1.1 299 \x1b[2J\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" +
          start};
    case Shape::never_ending:
      return {
          "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + start,
          true};
    case Shape::many_calls:
      return {http_answer(200, kEvents, many_calls(api, number))};
    case Shape::unicode_garbage:
      return {http_answer(
          200, kEvents,
          start + "event: " + garbage() + "\ndata: {\"type\":\"" + garbage() + "\"}\n\n")};
    case Shape::deep_json:
      return {http_answer(200, kEvents, deep_json(api, number))};
    case Shape::not_http:
      return {std::string("\x00\x01\x02 220 mail.example ESMTP\r\n\r\n", 30)};
  }
  return {};
}

}  // namespace berm::drill

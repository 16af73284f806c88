// fuzz/model_request_fuzz.cc: whatever check_model_request() lets through is JSON without a double
// key, has no hosted tool, asks for no more than the cap, and passes again unchanged. The first
// byte of the input is the endpoint, the second says whether there is a cap.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "rules/model/request.h"

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kCap = 2000;

/// Written apart from the parser under test: aborts on a double key.
struct KeysOnce : nlohmann::json_sax<Json> {
  std::vector<std::set<std::string>> open;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    open.emplace_back();
    return true;
  }
  bool key(string_t& value) override {
    if (!open.back().insert(value).second) std::abort();
    return true;
  }
  bool end_object() override {
    open.pop_back();
    return true;
  }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    std::abort();
  }
};

// "google_search" and "googleSearch" are one name.
std::string plain(std::string name) {
  std::erase(name, '_');
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return name;
}

bool is_hosted(const std::string& type) {
  const std::string name = plain(type);
  for (const char* hosted :
       {"websearch", "webfetch", "codeexecution", "mcp", "advisor", "filesearch", "codeinterpreter",
        "imagegeneration", "programmatictoolcalling", "googlesearch", "urlcontext", "googlemaps",
        "enterprisewebsearch", "retrieval", "exaaisearch", "parallelaisearch"}) {
    if (name.starts_with(hosted)) return true;
  }
  return false;
}

// Tools stand in lists called "tools", at the top and inside input items and namespaces.
void expect_no_hosted_tool(const Json& holder, bool gemini) {
  if (!holder.is_object() || !holder.contains("tools")) return;
  const Json& tools = holder["tools"];
  if (tools.is_null()) return;
  if (!tools.is_array()) std::abort();
  for (const Json& tool : tools) {
    if (gemini) {
      for (const auto& [key, value] : tool.items()) {
        if (is_hosted(key)) std::abort();
      }
    } else if (tool.contains("type") && tool["type"].is_string()) {
      if (is_hosted(tool["type"].get<std::string>())) std::abort();
    }
    if (!gemini && tool.contains("type") && tool["type"] != "custom") {
      expect_no_hosted_tool(tool, gemini);
    }
  }
}

void expect_capped(const Json& holder, bool required, std::initializer_list<const char*> keys) {
  bool found = false;
  for (const char* key : keys) {
    if (!holder.is_object() || !holder.contains(key) || holder[key].is_null()) continue;
    found = true;
    if (!holder[key].is_number_unsigned() || holder[key].get<std::uint64_t>() > kCap) std::abort();
  }
  if (required && !found) std::abort();
}

// A block whose source is an address or a stored file.
void expect_no_foreign_source(const Json& body) {
  if (!body.contains("messages") || !body["messages"].is_array()) return;
  for (const Json& message : body["messages"]) {
    if (!message.is_object() || !message.contains("content")) continue;
    if (!message["content"].is_array()) continue;
    for (const Json& block : message["content"]) {
      if (!block.contains("source") || !block["source"].is_object()) continue;
      const Json type = block["source"].value("type", Json());
      if (type == "url" || type == "file") std::abort();
    }
  }
}

void expect_clean(const berm::ModelCall& call, const Json& body, bool capped) {
  using berm::ModelEndpoint;
  const bool gemini = call.api == berm::ModelApi::gemini;
  expect_no_hosted_tool(body, gemini);
  expect_no_foreign_source(body);
  if (gemini && body.contains("generateContentRequest")) {
    expect_no_hosted_tool(body["generateContentRequest"], gemini);
  }
  if (call.endpoint == ModelEndpoint::responses) {
    if (body.value("store", Json(true)) != false) std::abort();
    if (body.contains("input") && body["input"].is_array()) {
      for (const Json& item : body["input"]) {
        if (item.value("type", Json()) != "mcp_list_tools") expect_no_hosted_tool(item, gemini);
      }
    }
  }
  if (call.endpoint == ModelEndpoint::chat && body.value("stream", Json()) == true) {
    if (body.at("stream_options").at("include_usage") != true) std::abort();
  }
  if (!capped || !is_billed(call)) return;
  if (call.endpoint == ModelEndpoint::messages) expect_capped(body, true, {"max_tokens"});
  if (call.endpoint == ModelEndpoint::responses) expect_capped(body, true, {"max_output_tokens"});
  if (call.endpoint == ModelEndpoint::chat) {
    expect_capped(body, true, {"max_tokens", "max_completion_tokens"});
  }
  if (gemini) expect_capped(body.at("generationConfig"), true, {"maxOutputTokens"});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using berm::ModelApi;
  using berm::ModelEndpoint;
  static const berm::ModelCall kCalls[] = {
      {ModelApi::anthropic, ModelEndpoint::messages, ""},
      {ModelApi::anthropic, ModelEndpoint::count_tokens, ""},
      {ModelApi::openai, ModelEndpoint::responses, ""},
      {ModelApi::openai, ModelEndpoint::compact, ""},
      {ModelApi::openai, ModelEndpoint::chat, ""},
      {ModelApi::gemini, ModelEndpoint::generate, "g"},
      {ModelApi::gemini, ModelEndpoint::stream_generate, "g"},
      {ModelApi::gemini, ModelEndpoint::count_tokens, "g"},
  };
  if (size < 2) return 0;
  const berm::ModelCall& call = kCalls[data[0] % std::size(kCalls)];
  const bool capped = data[1] % 2 == 0;
  berm::ModelRules rules;
  if (capped) rules.max_output_tokens = kCap;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto checked = berm::check_model_request(call, text, rules);
  if (!checked) return 0;  // refusing is always allowed
  KeysOnce once;
  Json::sax_parse(checked->body, &once);
  if (capped && is_billed(call) && call.endpoint != ModelEndpoint::compact) {
    if (!checked->max_tokens || *checked->max_tokens > kCap) std::abort();
  }
  expect_clean(call, Json::parse(checked->body), capped);
  const auto again = berm::check_model_request(call, checked->body, rules);
  if (!again || again->body != checked->body || !again->stripped.empty()) std::abort();
  return 0;
}

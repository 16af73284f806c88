#include "rules/model/request.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rules/model/strict_json.h"

namespace berm {
namespace {

ModelCall call_of(ModelApi api, std::string_view path) {
  return classify_model_call(api, "POST", path).value_or(ModelCall{});
}

const ModelCall kMessages = call_of(ModelApi::anthropic, "/v1/messages");
const ModelCall kCount = call_of(ModelApi::anthropic, "/v1/messages/count_tokens");
const ModelCall kResponses = call_of(ModelApi::openai, "/v1/responses");
const ModelCall kCompact = call_of(ModelApi::openai, "/v1/responses/compact");
const ModelCall kChat = call_of(ModelApi::openai, "/v1/chat/completions");
const ModelCall kGemini =
    call_of(ModelApi::gemini, "/v1beta/models/gemini-2.5-pro:streamGenerateContent");

// `text` with ' for ", which keeps the samples readable.
std::string quoted(std::string text) {
  std::ranges::replace(text, '\'', '"');
  return text;
}

Result<CheckedRequest> check(const ModelCall& call, const std::string& body,
                             const ModelRules& rules = {}) {
  return check_model_request(call, quoted(body), rules);
}

// The field at `pointer` of what would be sent; null if refused or absent.
Json sent(const Result<CheckedRequest>& checked, const std::string& pointer) {
  if (!checked) return nullptr;
  const Json body = Json::parse(checked->body, nullptr, false);
  const Json::json_pointer at(pointer);
  return body.contains(at) ? body.at(at) : Json();
}

std::string why(const Result<CheckedRequest>& checked) {
  return checked ? "accepted" : checked.error().what;
}

std::string message_with(const std::string& rest, const std::string& content = "'hi'") {
  return "{'model':'claude-opus-5-5','max_tokens':1000,'messages':[{'role':'user','content':" +
         content + "}]" + rest + "}";
}

// Key by key what Claude Code 2.1.330 sends.
const std::string kClaudeCode =
    "{'model':'claude-sonnet-5','messages':[{'role':'user','content':[{'type':'text','text':'hi',"
    "'cache_control':{'type':'ephemeral'}}]},{'role':'assistant','content':[{'type':'thinking',"
    "'thinking':'','signature':'x'},{'type':'tool_use','id':'toolu_1','name':'Bash','input':"
    "{'command':'ls','source':{'type':'url','url':'https://example.com'}}}]},{'role':'user',"
    "'content':[{'type':'tool_result','tool_use_id':'toolu_1','content':[{'type':'text','text':"
    "'a'},{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAAA'}}]}]},"
    "{'role':'system','content':'note'}],'system':[{'type':'text','text':'You are'}],"
    "'tools':[{'name':'Bash','description':'d','input_schema':{'type':'object','properties':"
    "{'b':{'type':'string'},'a':{'type':'number','default':0.1}}}}],'metadata':{'user_id':'u'},"
    "'max_tokens':32000,'thinking':{'type':'adaptive'},'context_management':{'edits':[]},"
    "'output_config':{'effort':'medium'},'stream':true}";

TEST(CheckModelRequest, WhatClaudeCodeSendsPassesByteForByte) {
  const auto checked = check(kMessages, kClaudeCode);
  ASSERT_TRUE(checked) << why(checked);
  EXPECT_EQ(checked->body, quoted(kClaudeCode));
  EXPECT_EQ(checked->model, "claude-sonnet-5");
  EXPECT_TRUE(checked->stream);
  EXPECT_EQ(checked->max_tokens, 32000);
  EXPECT_TRUE(checked->stripped.empty());
}

TEST(CheckModelRequest, BodiesThatTwoParsersReadDifferentlyAreRefused) {
  const std::string good = R"({"model":"m","max_tokens":1,"messages":[]})";
  ASSERT_TRUE(check_model_request(kMessages, good, {}));
  const std::string bad[] = {
      "",
      "{",
      "[]",
      "7",
      good + "x",
      good + std::string("\0", 1),
      std::string("\0", 1) + good,
      "\xEF\xBB\xBF" + good,
      R"({"model":"m","model":"n","max_tokens":1,"messages":[]})",
      R"({"model":"m","max_tokens":1,"messages":[],"tools":[],"t\u006fols":[]})",
      R"({"model":"m","max_tokens":1,"messages":[{"role":"a","role":"b"}]})",
      R"({"model":"m","max_tokens":1,"messages":[],"system":"\ud800"})",
      "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[],\"system\":\"\xC0\xAF\"}",
      R"({"model":"m","max_tokens":1,"messages":[],"top_p":1e999})",
      R"({"model":"m","max_tokens":1,"messages":[],"top_p":NaN})",
      R"({"model":"m","max_tokens":1,"messages":[],})",
      R"({"model":"m","max_tokens":1,"messages":[]/**/})",
  };
  for (const std::string& body : bad) {
    EXPECT_FALSE(check_model_request(kMessages, body, {})) << body;
  }
}

// RapidJSON 1.1's own conversion: 1.5e-36, 1.7e+243, and a read beyond its table (found by
// fuzzing).
TEST(ParseStrictJson, NumbersAreWhatTheyAreHoweverTheyAreWritten) {
  const std::string zeros(70, '0');
  EXPECT_EQ(*parse_strict_json("0e230"), 0.0);
  EXPECT_EQ(*parse_strict_json("0." + zeros), 0.0);
  EXPECT_EQ(*parse_strict_json("0." + std::string(320, '0') + "1055920369658737961e320"),
            0.1055920369658737961);
  EXPECT_EQ(*parse_strict_json("1" + zeros + "e-70"), 1.0);
  EXPECT_EQ(*parse_strict_json("123456789012345678901234567890"), 123456789012345678901234567890.0);
  EXPECT_EQ(*parse_strict_json("-1.5e3"), -1500.0);
  EXPECT_EQ(
      to_json_text(*parse_strict_json("[18446744073709551615,-9223372036854775808,-0,0,0.1]")),
      "[18446744073709551615,-9223372036854775808,0,0,0.1]");
  for (const char* text :
       {"1e400", "-1e400", "01", "1.", ".5", "+1", "1e", "0x1", "nan", "1e99999999999"}) {
    EXPECT_FALSE(parse_strict_json(text)) << text;
  }
}

TEST(ParseStrictJson, DepthValuesBytesAndManyKeysAreBounded) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(parse_strict_json(nested(128)));
  EXPECT_FALSE(parse_strict_json(nested(129)));
  EXPECT_FALSE(parse_strict_json("[1,2,3]", {.values = 3}));
  EXPECT_TRUE(parse_strict_json("[1,2,3]", {.values = 4}));
  EXPECT_FALSE(parse_strict_json("{\"a\":1,\"b\":2}", {.members = 1}));
  EXPECT_TRUE(parse_strict_json("[{\"a\":1},{\"b\":2}]", {.members = 1}));
  EXPECT_FALSE(parse_strict_json("[1,2,3]", {.bytes = 6}));
  std::string many = "{";
  for (int i = 0; i < 5000; ++i) many += "\"k" + std::to_string(i) + "\":[],";
  EXPECT_TRUE(parse_strict_json(many + "\"k\":1}"));
  EXPECT_FALSE(parse_strict_json(many + "\"k17\":1}"));
  EXPECT_FALSE(parse_strict_json(many + "\"k4999\":1}"));
}

TEST(CheckModelRequest, OnlyListedModelsAreAsked) {
  const ModelRules rules = {.models = {"claude-sonnet-*", "gemini-2.5-pro"}};
  EXPECT_TRUE(check(kMessages, kClaudeCode, rules));
  const auto refused = check(kMessages, message_with(""), rules);
  EXPECT_NE(why(refused).find("does not list 'claude-opus-5-5'"), std::string::npos);
  EXPECT_TRUE(check(kGemini, "{'contents':[]}", rules));
  EXPECT_FALSE(check(kGemini, "{'contents':[]}", {.models = {"claude-*"}}));
  EXPECT_FALSE(check(kGemini, "{'contents':[],'model':'models/gemini-ultra'}"));
  EXPECT_TRUE(check(kGemini, "{'contents':[],'model':'models/gemini-2.5-pro'}"));
  EXPECT_FALSE(check(kMessages, "{'max_tokens':1,'messages':[]}"));
  EXPECT_FALSE(check(kMessages, "{'model':7,'max_tokens':1,'messages':[]}"));
}

TEST(CheckModelRequest, AFallbackModelIsHeldToTheSameRules) {
  const ModelRules rules = {.models = {"claude-opus-*"}, .max_output_tokens = 500};
  const auto bounded = check(
      kMessages, message_with(",'fallbacks':[{'model':'claude-opus-5','max_tokens':9000}]"), rules);
  EXPECT_EQ(sent(bounded, "/fallbacks/0/max_tokens"), 500);
  EXPECT_FALSE(check(kMessages, message_with(",'fallbacks':[{'model':'claude-fable-5'}]"), rules));
  const auto chosen = check(kMessages, message_with(",'fallbacks':'default'"), rules);
  EXPECT_TRUE(chosen);
  EXPECT_TRUE(sent(chosen, "/fallbacks").is_null());
}

TEST(CheckModelRequest, OutputIsCappedWhereverTheApiCountsIt) {
  const ModelRules rules = {.max_output_tokens = 2000};
  const struct {
    ModelCall call;
    std::string body, where;
    int tokens;
  } kCases[] = {
      {kMessages, "{'model':'m','max_tokens':64000,'messages':[]}", "/max_tokens", 2000},
      {kMessages, "{'model':'m','max_tokens':7,'messages':[]}", "/max_tokens", 7},
      {kResponses, "{'model':'m','input':'x'}", "/max_output_tokens", 2000},
      {kResponses, "{'model':'m','max_output_tokens':null}", "/max_output_tokens", 2000},
      {kResponses, "{'model':'m','max_output_tokens':2001}", "/max_output_tokens", 2000},
      {kChat, "{'model':'m','messages':[]}", "/max_completion_tokens", 2000},
      {kChat, "{'model':'m','messages':[],'max_tokens':9999}", "/max_tokens", 2000},
      {kGemini, "{'contents':[]}", "/generationConfig/maxOutputTokens", 2000},
      {kGemini, "{'generation_config':{'max_output_tokens':8192}}",
       "/generationConfig/maxOutputTokens", 2000},
  };
  for (const auto& one : kCases) {
    const auto checked = check(one.call, one.body, rules);
    ASSERT_TRUE(checked) << one.body << ": " << why(checked);
    EXPECT_EQ(sent(checked, one.where), one.tokens) << one.body;
    EXPECT_EQ(checked->max_tokens, one.tokens) << one.body;
  }
}

TEST(CheckModelRequest, ALimitThatIsNoPlainNumberIsRefused) {
  for (const std::string value : {"'9'", "-1", "1e9", "2.5", "[]", "99999999999999999999"}) {
    EXPECT_FALSE(check(kMessages, "{'model':'m','messages':[],'max_tokens':" + value + "}"));
    EXPECT_FALSE(check(kGemini, "{'generationConfig':{'maxOutputTokens':" + value + "}}"));
  }
  EXPECT_FALSE(check(kMessages, "{'model':'m','messages':[]}"));
  EXPECT_TRUE(check(kCount, "{'model':'m','messages':[]}"));
  EXPECT_FALSE(check(kGemini, "{'generationConfig':{'maxOutputTokens':1,'max_output_tokens':9}}"));
  EXPECT_FALSE(check(kGemini, "{'generationConfig':{},'generation_config':{}}"));
}

TEST(CheckModelRequest, SeveralAnswersAtOnceDoNotMultiplyTheCap) {
  const ModelRules rules = {.max_output_tokens = 2000};
  EXPECT_FALSE(check(kChat, "{'model':'m','messages':[],'n':50}", rules));
  EXPECT_TRUE(check(kChat, "{'model':'m','messages':[],'n':1}", rules));
  EXPECT_FALSE(check(kGemini, "{'generationConfig':{'candidateCount':8}}", rules));
}

TEST(CheckModelRequest, AThinkingBudgetShrinksWithTheCap) {
  const std::string roomy =
      "{'model':'m','max_tokens':32000,'messages':[],'thinking':{'budget_tokens':31999}}";
  EXPECT_EQ(sent(check(kMessages, roomy, {.max_output_tokens = 5000}), "/thinking/budget_tokens"),
            4999);
  EXPECT_FALSE(check(kMessages, roomy, {.max_output_tokens = 1000}));
}

TEST(StrictJson, IsWrittenAsItWasRead) {
  const std::string text =
      R"({"b":["\"\\/\b\f\n\r\t\u0001\u001f",-1,18446744073709551615,1.5,1e300,true,null],"a":{"\u00e4 \ud83d\ude00":{}}})";
  const Result<Json> read = parse_strict_json(text);
  ASSERT_TRUE(read.has_value()) << read.error().what;
  const std::string written = *to_json_text(*read);
  EXPECT_EQ(written, read->dump());
  EXPECT_EQ(*to_json_text(*parse_strict_json(written)), written);
}

}  // namespace
}  // namespace berm

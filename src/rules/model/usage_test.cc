#include "rules/model/usage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace berm {
namespace {

using End = UsageMeter::End;

std::string quoted(std::string text) {
  std::ranges::replace(text, '\'', '"');
  return text;
}

std::string event(const std::string& type, const std::string& rest) {
  return quoted("event: " + type + "\ndata: {'type':'" + type + "'," + rest + "}\n\n");
}

// Shaped as the Messages API streams; the model says "usage" in its own text.
const std::string kAnthropic =
    event("message_start",
          "'message':{'id':'msg_1','type':'message','role':'assistant','model':'claude-opus-5-5',"
          "'content':[],'stop_reason':null,'usage':{'input_tokens':10,'cache_creation_input_tokens'"
          ":300,'cache_read_input_tokens':7000,'cache_creation':{'ephemeral_5m_input_tokens':100,"
          "'ephemeral_1h_input_tokens':200},'output_tokens':1,'service_tier':'standard'}}") +
    event("ping", "'x':0") +
    event("content_block_start", "'index':0,'content_block':{'type':'text','text':''}") +
    event(
        "content_block_delta",
        "'index':0,'delta':{'type':'text_delta','text':'\\'usage\\':{\\'output_tokens\\':9999}'}") +
    event("content_block_stop", "'index':0") +
    event("message_delta", "'delta':{'stop_reason':'end_turn'},'usage':{'output_tokens':57}") +
    event("message_stop", "'x':0");

const TokenUsage kAnthropicUsage = {.model = "claude-opus-5-5",
                                    .input = 10,
                                    .output = 57,
                                    .cache_read = 7000,
                                    .cache_write = 300,
                                    .cache_write_hour = 200};

const std::string kResponses =
    event("response.created", "'response':{'id':'resp_1','status':'in_progress','usage':null}") +
    event("response.output_text.delta", "'delta':'hi'") +
    event("response.completed",
          "'response':{'id':'resp_1','model':'gpt-6-sol','service_tier':'default','output':[{'type'"
          ":'message','content':[{'type':'output_text','text':'hi'}]}],'usage':{'input_tokens':100,"
          "'input_tokens_details':{'cached_tokens':60,'cache_write_tokens':30},'output_tokens':5,"
          "'output_tokens_details':{'reasoning_tokens':2},'total_tokens':105}}");

const std::string kChat = quoted(
    "data: {'object':'chat.completion.chunk','model':'gpt-5.4','choices':[{'delta':{'content':'a'}}"
    "],'usage':null}\n\n"
    "data: {'object':'chat.completion.chunk','model':'gpt-5.4','choices':[],'usage':{"
    "'prompt_tokens':40,'completion_tokens':8,'prompt_tokens_details':{'cached_tokens':16}}}\n\n"
    "data: [DONE]\n\n");

const std::string kGemini = quoted(
    "data: {'candidates':[{'content':{'parts':[{'text':'a'}],'role':'model'}}],'usageMetadata':{"
    "'promptTokenCount':50,'candidatesTokenCount':1,'thoughtsTokenCount':20,'totalTokenCount':71},"
    "'modelVersion':'gemini-2.5-pro'}\r\n\r\n"
    "data: {'candidates':[{'content':{'parts':[{'text':'b'}]},'finishReason':'STOP'}],"
    "'usageMetadata':{'promptTokenCount':50,'candidatesTokenCount':4,'thoughtsTokenCount':30,"
    "'cachedContentTokenCount':32,'toolUsePromptTokenCount':7},'modelVersion':'gemini-2.5-pro'}"
    "\r\n\r\n");

MeteredRequest request_of(ModelApi api) {
  return {.api = api, .model = "asked", .body_bytes = 2000, .max_tokens = 500};
}

TokenUsage meter(const MeteredRequest& request, ResponseForm form, std::string_view bytes,
                 End end = End::whole) {
  UsageMeter meter(request, form);
  meter.feed(bytes);
  return meter.finish(end);
}

TokenUsage stream(ModelApi api, std::string_view bytes, End end = End::whole) {
  return meter(request_of(api), ResponseForm::event_stream, bytes, end);
}

TokenUsage json(ModelApi api, const std::string& body, End end = End::whole) {
  return meter(request_of(api), ResponseForm::json, quoted(body), end);
}

TEST(UsageMeter, ReadsTheStreamOfEveryApi) {
  EXPECT_EQ(stream(ModelApi::anthropic, kAnthropic), kAnthropicUsage);
  const TokenUsage responses = {
      .model = "gpt-6-sol", .input = 10, .output = 5, .cache_read = 60, .cache_write = 30};
  EXPECT_EQ(stream(ModelApi::openai, kResponses), responses);
  const TokenUsage chat = {.model = "gpt-5.4", .input = 24, .output = 8, .cache_read = 16};
  EXPECT_EQ(stream(ModelApi::openai, kChat), chat);
  const TokenUsage gemini = {
      .model = "gemini-2.5-pro", .input = 25, .output = 34, .cache_read = 32};
  EXPECT_EQ(stream(ModelApi::gemini, kGemini), gemini);
}

TEST(UsageMeter, EverySplitOfAStreamGivesTheSameUsage) {
  const struct {
    ModelApi api;
    std::string bytes;
  } kStreams[] = {{ModelApi::anthropic, kAnthropic},
                  {ModelApi::openai, kResponses},
                  {ModelApi::openai, kChat},
                  {ModelApi::gemini, "\xEF\xBB\xBF" + kGemini}};
  for (const auto& [api, bytes] : kStreams) {
    const TokenUsage whole = stream(api, bytes);
    EXPECT_FALSE(whole.estimated);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      UsageMeter split(request_of(api), ResponseForm::event_stream);
      split.feed(bytes.substr(0, cut));
      split.feed(bytes.substr(cut));
      ASSERT_EQ(split.finish(End::whole), whole) << "cut at " << cut;
    }
    UsageMeter single(request_of(api), ResponseForm::event_stream);
    for (const char c : bytes) single.feed(std::string_view(&c, 1));
    EXPECT_EQ(single.finish(End::whole), whole);
  }
}

TEST(UsageMeter, ReadsTheJsonBodyOfEveryApi) {
  const TokenUsage anthropic =
      json(ModelApi::anthropic,
           "{'model':'claude-opus-5','type':'message','content':[{'type':'tool_use','input':"
           "{'usage':{'output_tokens':1}}}],'usage':{'input_tokens':3,'output_tokens':4,"
           "'server_tool_use':{'web_search_requests':2},'speed':'fast'}}");
  const TokenUsage expected = {
      .model = "claude-opus-5", .input = 3, .output = 4, .web_searches = 2, .premium = true};
  EXPECT_EQ(anthropic, expected);
  EXPECT_EQ(json(ModelApi::openai,
                 "{'object':'response','usage':{'input_tokens':3,"
                 "'output_tokens':4}}")
                .output,
            4);
  EXPECT_EQ(json(ModelApi::openai,
                 "{'object':'chat.completion','usage':{'prompt_tokens':3,"
                 "'completion_tokens':4}}")
                .input,
            3);
  const TokenUsage list =
      json(ModelApi::gemini,
           "[{'usageMetadata':{'promptTokenCount':5,'candidatesTokenCount':1}},\n"
           "{'usageMetadata':{'promptTokenCount':5,'candidatesTokenCount':9},'modelVersion':'g'}]");
  EXPECT_EQ(list, (TokenUsage{.model = "g", .input = 5, .output = 9}));
}

TEST(UsageMeter, ACutStreamIsChargedWhatItMayHaveUsed) {
  const std::string start = kAnthropic.substr(0, kAnthropic.find("event: message_delta"));
  const TokenUsage cut = stream(ModelApi::anthropic, start, End::cut);
  EXPECT_TRUE(cut.estimated);
  EXPECT_EQ(cut.input, 10);  // the response had said it
  EXPECT_EQ(cut.cache_read, 7000);
  EXPECT_EQ(cut.output, 500);  // max_tokens
  const TokenUsage nothing = stream(ModelApi::openai, "", End::cut);
  EXPECT_EQ(nothing.input, 1001);  // half of the request
  EXPECT_EQ(nothing.output, 500);
  MeteredRequest unlimited = request_of(ModelApi::openai);
  unlimited.max_tokens = std::nullopt;
  const std::string deltas = event("response.output_text.delta", "'delta':'hi'");
  EXPECT_EQ(meter(unlimited, ResponseForm::event_stream, deltas, End::cut).output,
            deltas.size() / 2 + 1);
}

TEST(UsageMeter, EveryPrefixOfAStreamIsEstimatedOrWhole) {
  for (std::size_t cut = 0; cut < kAnthropic.size(); ++cut) {
    const TokenUsage usage = stream(ModelApi::anthropic, kAnthropic.substr(0, cut), End::cut);
    ASSERT_GE(usage.output, 57) << "cut at " << cut;
    ASSERT_TRUE(usage.estimated || usage == kAnthropicUsage) << "cut at " << cut;
  }
}

TEST(UsageMeter, AnErrorInTheStreamCostsWhatWasSeenNotTheWholeAllowance) {
  const std::string error = event("error", "'error':{'type':'overloaded_error','message':'x'}");
  const TokenUsage usage = stream(ModelApi::anthropic, error);
  EXPECT_TRUE(usage.estimated);
  EXPECT_EQ(usage.output, error.size() / 2 + 1);
  const std::string failed =
      event("response.failed", "'response':{'error':{'code':'rate_limit_exceeded'},'usage':null}");
  EXPECT_TRUE(stream(ModelApi::openai, failed).estimated);
  EXPECT_LT(stream(ModelApi::openai, failed).output, 100);
}

TEST(UsageMeter, RunsThatTheTotalsLeaveOutAreCounted) {
  const std::string compacted =
      event("message_delta",
            "'delta':{},'usage':{'input_tokens':23000,'output_tokens':1000,'iterations':[{'type':"
            "'compaction','input_tokens':180000,'output_tokens':3500,'cache_read_input_tokens':0},"
            "{'type':'message','input_tokens':23000,'output_tokens':1000}]}");
  const TokenUsage usage = stream(ModelApi::anthropic, compacted);
  EXPECT_EQ(usage.input, 203000);
  EXPECT_EQ(usage.output, 4500);
}

TEST(UsageMeter, FollowsTheRulesOfEventStreams) {
  const std::string usage = quoted("{'type':'message_delta','usage':{'output_tokens':57}}");
  const auto output = [&](const std::string& bytes) {
    const TokenUsage found = stream(ModelApi::anthropic, bytes);
    return found.estimated ? 0 : found.output;
  };
  EXPECT_EQ(output("data:" + usage + "\r\r"), 57);
  EXPECT_EQ(output("data: " + usage + "\r\n\r\n"), 57);
  EXPECT_EQ(output("\xEF\xBB\xBF"
                   "data: " +
                   usage + "\n\n"),
            57);
  EXPECT_EQ(output(": comment\nid: 1\nretry: 5\ndata: " + usage + "\n\n"), 57);
  EXPECT_EQ(output("data: {\"type\":\"message_delta\",\ndata: \"usage\":\ndata:"
                   "{\"output_tokens\":57}}\n\n"),
            57);
  EXPECT_EQ(output("data: " + usage), 57) << "a server may leave out the last blank line";
  EXPECT_EQ(output("data: " + usage.substr(0, 40) + "\n\ndata: " + usage.substr(40) + "\n\n"), 0);
  EXPECT_EQ(output("data: " + usage.substr(0, usage.size() - 1) + "\n\n"), 0) << "not closed";
  EXPECT_EQ(output("data: {\"type\":\"message_delta\",\r\ndata: " + usage.substr(24) + "\r\n\r\n"),
            57)
      << "CRLF is one end of a line, not an end and a blank line";
  EXPECT_EQ(output("date: " + usage + "\n\n"), 0);
  EXPECT_EQ(output("xdata: " + usage + "\n\n"), 0);
  EXPECT_EQ(output("data : " + usage + "\n\n"), 0);
  EXPECT_EQ(output(" data: " + usage + "\n\n"), 0);
  EXPECT_EQ(output("\xEF\xBB"
                   "data: " +
                   usage + "\n\n"),
            0);
  EXPECT_EQ(output("data\ndata: " + usage + "\n\n"), 57) << "an empty line of data";
}

TEST(UsageMeter, OnlyTheApisOwnFieldsCount) {
  for (const std::string body :
       {"{'type':'message','content':{'usage':{'output_tokens':7}}}",
        "{'type':'message','usage.output_tokens':7}", "{'type':'message','x':{'type':'message'}}",
        "{'type':'message','usage':{'output_tokens':-7}}",
        "{'type':'message','usage':{'output_tokens':'7'}}",
        "{'type':'message','usage':{'out\\u0070ut_tokens':7}}",
        "{'type':'message','usage':{'output\\n_tokens':7}}",
        "{'type':'message','usage':[{'output_tokens':7}]}",
        "{'type':'message','usage':{'output_tokens':7}", "{'type':'message','usage':{'output_to",
        "", "7", "[[[[[[[[[[[[", "]]]]]}}}}"}) {
    EXPECT_TRUE(json(ModelApi::anthropic, body).estimated) << body;
  }
  EXPECT_FALSE(
      json(ModelApi::anthropic, "{'type':'message','usage':{'output_tokens':7}}").estimated);
}

TEST(UsageMeter, NumbersNeverWrapAround) {
  const TokenUsage most = json(ModelApi::anthropic,
                               "{'type':'message','usage':{'input_tokens':18446744073709551615,"
                               "'cache_creation_input_tokens':9,'output_tokens':1e3}}");
  EXPECT_EQ(most.input, 18446744073709551615ULL);
  EXPECT_EQ(most.output, 1000);
  EXPECT_EQ(counted_tokens(most), 18446744073709551615ULL);
  const TokenUsage odd = json(ModelApi::openai,
                              "{'usage':{'input_tokens':5,'output_tokens':1,"
                              "'input_tokens_details':{'cached_tokens':50}}}");
  EXPECT_EQ(odd.input, 0);
  EXPECT_EQ(odd.cache_read, 50);
}

TEST(UsageMeter, ALargeBodyIsReadToItsEnd) {
  const std::string body = quoted("{'type':'message','content':[{'text':'") +
                           std::string(20U << 20, 'x') +
                           quoted("'}],'usage':{'input_tokens':3,'output_tokens':4}}");
  const TokenUsage usage = meter(request_of(ModelApi::anthropic), ResponseForm::json, body);
  EXPECT_FALSE(usage.estimated);
  EXPECT_EQ(usage.output, 4);
}

TEST(UsageMeter, PremiumTiersAreSeen) {
  const auto tier = [](const std::string& name) {
    return json(ModelApi::openai, "{'service_tier':'" + name + "','usage':{'output_tokens':1}}");
  };
  EXPECT_FALSE(tier("default").premium);
  EXPECT_TRUE(tier("priority").premium);
}

}  // namespace
}  // namespace berm

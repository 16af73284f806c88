#include <gtest/gtest.h>

#include <algorithm>

#include "rules/model/request.h"
#include "rules/model/strict_json.h"

namespace berm {
namespace {

const ModelCall kMessages{ModelApi::anthropic, ModelEndpoint::messages, ""};
const ModelCall kResponses{ModelApi::openai, ModelEndpoint::responses, ""};
const ModelCall kChat{ModelApi::openai, ModelEndpoint::chat, ""};
const ModelCall kGemini{ModelApi::gemini, ModelEndpoint::generate, "gemini-2.5-pro"};
const ModelCall kGeminiCount{ModelApi::gemini, ModelEndpoint::count_tokens, "gemini-2.5-pro"};

std::string quoted(std::string text) {
  std::ranges::replace(text, '\'', '"');
  return text;
}

Result<CheckedRequest> check(const ModelCall& call, const std::string& body,
                             const ModelRules& rules = {}) {
  return check_model_request(call, quoted(body), rules);
}

Json sent(const Result<CheckedRequest>& checked, const std::string& pointer) {
  if (!checked) return "refused";
  const Json body = Json::parse(checked->body, nullptr, false);
  const Json::json_pointer at(pointer);
  return body.contains(at) ? body.at(at) : Json();
}

std::string why(const Result<CheckedRequest>& checked) {
  return checked ? "accepted" : checked.error().what + " | " + checked.error().fix;
}

// A request of each API that has `part` where the name says.
std::string anthropic(const std::string& rest) {
  return "{'model':'m','max_tokens':9,'messages':[]," + rest + "}";
}
std::string anthropic_content(const std::string& block) {
  return "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[" + block + "]}]}";
}
std::string responses(const std::string& rest) { return "{'model':'m','input':'x'," + rest + "}"; }
std::string responses_input(const std::string& item) {
  return "{'model':'m','store':false,'input':[" + item + "]}";
}
std::string gemini(const std::string& rest) { return "{'contents':[]," + rest + "}"; }
std::string gemini_part(const std::string& part) {
  return "{'contents':[{'role':'user','parts':[" + part + "]}]}";
}

struct HostedCase {
  ModelCall call;
  std::string body, name;
};

// Everything by which a provider acts for the agent and that can be taken out.
std::vector<HostedCase> strippable() {
  std::vector<HostedCase> cases;
  for (const std::string type :
       {"web_search_20250305", "web_search_20260318", "web_search_20991231", "web_fetch_20250910",
        "code_execution_20250825", "advisor_20260301", "mcp_toolset"}) {
    cases.push_back({kMessages, anthropic("'tools':[{'type':'" + type + "','name':'x'}]"), type});
  }
  cases.push_back(
      {kMessages, anthropic("'mcp_servers':[{'type':'url','url':'https://x'}]"), "mcp_servers"});
  cases.push_back({kMessages, anthropic("'container':{'skills':[]}"), "container"});
  for (const std::string type :
       {"web_search", "web_search_preview_2025_03_11", "file_search", "code_interpreter",
        "image_generation", "mcp", "programmatic_tool_calling"}) {
    const std::string tools = "'tools':[{'type':'" + type + "'}]";
    cases.push_back({kResponses, responses(tools), type});
    cases.push_back(
        {kResponses,
         responses_input("{'type':'additional_tools','role':'developer'," + tools + "}"), type});
    cases.push_back(
        {kResponses, responses_input("{'type':'tool_search_output'," + tools + "}"), type});
    cases.push_back(
        {kResponses, responses("'tools':[{'type':'namespace','name':'n'," + tools + "}]"), type});
  }
  cases.push_back({kResponses,
                   responses("'tools':[{'type':'shell','environment':"
                             "{'type':'container_auto'}}]"),
                   "shell"});
  cases.push_back(
      {kChat, "{'model':'m','messages':[],'web_search_options':{}}", "web_search_options"});
  for (const std::string name :
       {"googleSearch", "googleSearchRetrieval", "urlContext", "codeExecution", "fileSearch",
        "googleMaps", "mcpServers", "enterpriseWebSearch"}) {
    cases.push_back({kGemini, gemini("'tools':[{'" + name + "':{}}]"), name});
    cases.push_back({kGeminiCount,
                     "{'generateContentRequest':" + gemini("'tools':[{'" + name + "':{}}]") + "}",
                     name});
  }
  cases.push_back({kGemini, gemini("'tools':[{'google_search':{}}]"), "googleSearch"});
  cases.push_back(
      {kGemini, gemini("'tools':[{'functionDeclarations':[],'url_context':{}}]"), "urlContext"});
  return cases;
}

// What cannot be taken out without changing what was asked.
std::vector<HostedCase> unstrippable() {
  const std::string url = "'source':{'type':'url','url':'https://x/?q=secret'}";
  const std::string file = "'source':{'type':'file','file_id':'file_1'}";
  return {
      {kMessages, anthropic_content("{'type':'image'," + url + "}"), "url source"},
      {kMessages, anthropic_content("{'type':'document'," + url + "}"), "url source"},
      {kMessages, anthropic_content("{'type':'document'," + file + "}"), "file source"},
      {kMessages, anthropic_content("{'type':'container_upload','file_id':'f'}"), "file source"},
      {kMessages,
       anthropic_content("{'type':'tool_result','tool_use_id':'t','content':[{'type':"
                         "'image'," +
                         url + "}]}"),
       "url source"},
      {kMessages,
       anthropic_content("{'type':'document','source':{'type':'content','content':"
                         "[{'type':'image'," +
                         url + "}]}}"),
       "url source"},
      {kMessages,
       anthropic_content("{'type':'web_fetch_tool_result','content':{'type':"
                         "'web_fetch_result','content':{'type':'document'," +
                         url + "}}}"),
       "url source"},
      {kMessages, anthropic("'system':[{'type':'document'," + url + "}]"), "url source"},
      {kResponses, responses("'background':true"), "background"},
      {kResponses, responses("'previous_response_id':'resp_1'"), "previous_response_id"},
      {kResponses, responses("'conversation':'conv_1'"), "conversation"},
      {kResponses, responses("'prompt':{'id':'pmpt_1'}"), "prompt"},
      {kResponses, responses_input("{'type':'item_reference','id':'rs_1'}"), "item_reference"},
      {kResponses, responses_input("{'id':'rs_1'}"), "item_reference"},
      {kResponses,
       responses_input("{'role':'user','content':[{'type':'input_image','image_url':"
                       "'https://x/?q=secret'}]}"),
       "url source"},
      {kResponses,
       responses_input("{'role':'user','content':[{'type':'input_file','file_url':"
                       "'https://x'}]}"),
       "url source"},
      {kResponses,
       responses_input("{'role':'user','content':[{'type':'input_file','file_id':"
                       "'file_1'}]}"),
       "file source"},
      {kResponses,
       responses_input("{'type':'function_call_output','output':[{'type':"
                       "'input_image','image_url':'https://x'}]}"),
       "url source"},
      {kResponses,
       responses_input("{'type':'computer_call_output','output':{'type':"
                       "'computer_screenshot','image_url':'https://x'}}"),
       "url source"},
      {kResponses,
       responses_input("{'type':'shell_call','environment':{'type':"
                       "'container_reference','container_id':'c'}}"),
       "shell"},
      {kResponses, "{'model':'o3-deep-research','input':'x'}", "o3-deep-research"},
      {kChat, "{'model':'gpt-4o-search-preview','messages':[]}", "gpt-4o-search-preview"},
      {kChat,
       "{'model':'m','messages':[{'role':'user','content':[{'type':'image_url','image_url':"
       "{'url':'https://x'}}]}]}",
       "url source"},
      {kChat,
       "{'model':'m','messages':[{'role':'user','content':[{'type':'file','file':"
       "{'file_id':'f'}}]}]}",
       "file source"},
      {kGemini, gemini_part("{'fileData':{'fileUri':'https://youtu.be/x'}}"), "fileData"},
      {kGemini, gemini_part("{'file_data':{'file_uri':'https://youtu.be/x'}}"), "fileData"},
      {kGemini, gemini_part("{'functionResponse':{'name':'f','parts':[{'fileData':{}}]}}"),
       "fileData"},
      {kGemini, "{'systemInstruction':{'parts':[{'fileData':{}}]}}", "fileData"},
      {kGemini, gemini("'cachedContent':'cachedContents/1'"), "cachedContent"},
      {kGemini, gemini("'cached_content':'cachedContents/1'"), "cachedContent"},
  };
}

TEST(HostedTools, AreStrippedAndNamed) {
  for (const auto& [call, body, name] : strippable()) {
    SCOPED_TRACE(body);
    const auto checked = check(call, body);
    ASSERT_TRUE(checked) << why(checked);
    EXPECT_EQ(std::ranges::count(checked->stripped, name), 1) << checked->body;
    std::string gone = checked->body;
    EXPECT_EQ(gone.find('"' + name + '"'), std::string::npos) << gone;
  }
}

TEST(HostedTools, AreRefusedOrAllowedAsTheRuleSays) {
  for (const auto& [call, body, name] : strippable()) {
    SCOPED_TRACE(body);
    const auto refused = check(call, body, {.hosted_tools = HostedTools::refuse});
    EXPECT_NE(why(refused).find("model.permit = [\"" + name + "\"]"), std::string::npos)
        << why(refused);
    const auto allowed = check(call, body, {.hosted_tools = HostedTools::allow});
    ASSERT_TRUE(allowed) << why(allowed);
    EXPECT_EQ(std::ranges::count(allowed->stripped, name), 0);
    EXPECT_TRUE(
        check(call, body, {.hosted_tools = HostedTools::refuse, .permit = {name, "store"}}));
  }
}

TEST(HostedTools, WhatCannotBeTakenOutIsRefused) {
  for (const auto& [call, body, name] : unstrippable()) {
    SCOPED_TRACE(body);
    const auto refused = check(call, body);
    EXPECT_NE(why(refused).find("model.permit = [\"" + name + "\"]"), std::string::npos)
        << why(refused);
    EXPECT_TRUE(check(call, body, {.permit = {name}}))
        << why(check(call, body, {.permit = {name}}));
    EXPECT_TRUE(check(call, body, {.hosted_tools = HostedTools::allow}));
  }
}

TEST(HostedTools, WhatIsUnknownIsRefusedEvenWhereHostedToolsAreAllowed) {
  const HostedCase kCases[] = {
      {kMessages, anthropic("'tools':[{'type':'teleport_20270101','name':'t'}]"),
       "teleport_20270101"},
      {kMessages, anthropic("'tools':[{'type':'bash_code_20270101','name':'t'}]"),
       "bash_code_20270101"},
      {kMessages, anthropic("'Tools':[]"), "Tools"},
      {kMessages, anthropic_content("{'type':'hologram'}"), "hologram"},
      {kMessages, anthropic_content("{'type':'image','source':{'type':'ftp'}}"), "ftp"},
      {kResponses, responses("'tools':[{'type':'teleport'}]"), "teleport"},
      {kResponses, responses_input("{'type':'teleport'}"), "teleport"},
      {kResponses, responses("'multi_agent':{}"), "multi_agent"},
      {kChat, "{'model':'m','messages':[],'tools':[{'type':'web_search'}]}", "web_search"},
      {kGemini, gemini("'tools':[{'teleport':{}}]"), "teleport"},
      {kGemini, gemini_part("{'teleport':{}}"), "teleport"},
  };
  for (const auto& [call, body, name] : kCases) {
    SCOPED_TRACE(body);
    const auto refused = check(call, body, {.hosted_tools = HostedTools::allow});
    EXPECT_NE(why(refused).find("model.permit = [\"" + name + "\"]"), std::string::npos)
        << why(refused);
    EXPECT_TRUE(check(call, body, {.permit = {name}}));
  }
}

TEST(HostedTools, TheAgentsOwnToolsStay) {
  const std::string own =
      "'tools':[{'name':'Bash','input_schema':{}},{'type':'custom','name':'a','input_schema':{}},"
      "{'type':'bash_20250124','name':'bash'},{'type':'text_editor_20250728','name':'e'},"
      "{'type':'computer_20251124','name':'c'},{'type':'memory_20250818','name':'m'},"
      "{'type':'tool_search_tool_regex_20251119','name':'s'}]";
  EXPECT_EQ(sent(check(kMessages, anthropic(own)), "/tools").size(), 7);
  const std::string codex =
      "'store':false,'tools':[{'type':'function','name':'exec_command','parameters':{}},"
      "{'type':'custom','name':'apply_patch'},{'type':'local_shell'},{'type':'shell'},"
      "{'type':'apply_patch'},{'type':'tool_search','execution':'client'}]";
  EXPECT_EQ(sent(check(kResponses, responses(codex)), "/tools").size(), 6);
  EXPECT_EQ(sent(check(kGemini, gemini("'tools':[{'functionDeclarations':[{'name':'f'}]}]")),
                 "/tools/0/functionDeclarations/0/name"),
            "f");
}

TEST(HostedTools, AChoiceOfAStrippedToolIsRefused) {
  const std::string search =
      "'tools':[{'type':'web_search_20250305','name':'web_search'},"
      "{'name':'Bash','input_schema':{}}]";
  EXPECT_FALSE(check(kMessages, anthropic(search + ",'tool_choice':{'type':'tool','name':"
                                                   "'web_search'}")));
  EXPECT_TRUE(check(kMessages, anthropic(search + ",'tool_choice':{'type':'any'}")));
  const std::string only = "'tools':[{'type':'web_search_20250305','name':'web_search'}]";
  EXPECT_FALSE(check(kMessages, anthropic(only + ",'tool_choice':{'type':'any'}")));
  const auto left = check(kMessages, anthropic(only + ",'tool_choice':{'type':'auto'}"));
  EXPECT_TRUE(sent(left, "/tools").is_null());
  EXPECT_TRUE(sent(left, "/tool_choice").is_null());
  const std::string openai = "'tools':[{'type':'web_search'}]";
  EXPECT_FALSE(check(kResponses, responses(openai + ",'tool_choice':{'type':'web_search'}")));
  EXPECT_FALSE(check(kResponses, responses(openai + ",'tool_choice':'required'")));
  EXPECT_TRUE(check(kResponses, responses(openai + ",'tool_choice':'auto'")));
  const auto narrowed = check(
      kResponses, responses(openai + ",'tool_choice':{'type':'allowed_tools','mode':'auto','tools':"
                                     "[{'type':'web_search'},{'type':'function','name':'f'}]}"));
  EXPECT_EQ(sent(narrowed, "/tool_choice/tools").size(), 1);
}

TEST(HostedTools, ACallerThatIsGoneIsNotNamedAnyMore) {
  const auto tools = [](const std::string& callers) {
    return anthropic(
        "'tools':[{'type':'code_execution_20250825','name':'code_execution'},"
        "{'name':'Bash','input_schema':{},'allowed_callers':[" +
        callers + "]}]");
  };
  const auto both = check(kMessages, tools("'direct','code_execution_20250825'"));
  EXPECT_EQ(sent(both, "/tools/0/allowed_callers"), Json::array({"direct"}));
  EXPECT_FALSE(check(kMessages, tools("'code_execution_20250825'")));
}

TEST(CheckModelRequest, ResponsesAreNotKeptAtTheProvider) {
  const auto silent = check(kResponses, "{'model':'m','input':'x'}");
  EXPECT_EQ(sent(silent, "/store"), false);
  EXPECT_EQ(silent->stripped, std::vector<std::string>{"store"});
  EXPECT_EQ(sent(check(kResponses, responses("'store':true")), "/store"), false);
  EXPECT_FALSE(check(kResponses, responses("'store':true"), {.hosted_tools = HostedTools::refuse}));
  EXPECT_TRUE(check(kResponses, responses("'store':false"))->stripped.empty());
  EXPECT_EQ(sent(check(kResponses, responses("'store':true"), {.permit = {"store"}}), "/store"),
            true);
  EXPECT_EQ(sent(check(kChat, "{'model':'m','messages':[],'store':true}"), "/store"), false);
  EXPECT_TRUE(sent(check(kChat, "{'model':'m','messages':[]}"), "/store").is_null());
  EXPECT_EQ(sent(check(kGemini, gemini("'store':true")), "/store"), false);
}

TEST(CheckModelRequest, AStreamedChatAlwaysReportsItsUsage) {
  EXPECT_EQ(sent(check(kChat, "{'model':'m','messages':[],'stream':true}"),
                 "/stream_options/include_usage"),
            true);
  EXPECT_EQ(sent(check(kChat,
                       "{'model':'m','messages':[],'stream':true,'stream_options':"
                       "{'include_usage':false}}"),
                 "/stream_options/include_usage"),
            true);
  EXPECT_TRUE(sent(check(kChat, "{'model':'m','messages':[]}"), "/stream_options").is_null());
  EXPECT_FALSE(check(kChat, "{'model':'m','messages':[],'stream':'true'}"));
}

TEST(CheckModelRequest, PremiumTiersAreTakenOutUnlessAllowed) {
  EXPECT_TRUE(sent(check(kMessages, anthropic("'speed':'fast'")), "/speed").is_null());
  EXPECT_EQ(sent(check(kMessages, anthropic("'speed':'fast'"), {.premium = PremiumTier::allow}),
                 "/speed"),
            "fast");
  EXPECT_EQ(sent(check(kResponses, responses("'service_tier':'priority'")), "/service_tier"),
            "default");
  EXPECT_EQ(sent(check(kResponses, responses("'service_tier':'flex'")), "/service_tier"), "flex");
  EXPECT_TRUE(sent(check(kGemini, gemini("'serviceTier':'PRIORITY'")), "/serviceTier").is_null());
}

TEST(CheckModelRequest, WhatTheAgentNamesIsShortAndPrintableInARefusal) {
  const auto refused =
      check(kMessages, anthropic("'tools':[{'type':'\\u001b[2J" + std::string(500, 'x') + "'}]"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what.find('\x1b'), std::string::npos);
  EXPECT_LT(refused.error().what.size(), 300);
}

}  // namespace
}  // namespace berm

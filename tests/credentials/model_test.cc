// Model APIs with a key of the run's: what reaches them, what does not, and what it costs.
#include "model.h"

namespace berm::test {
namespace {

INSTANTIATE_TEST_SUITE_P(As, Model, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Model, WithoutTheRunsKeyTheApiAnswersNobody) {
  const Ran ran =
      script(R"(version = 1
[network]
allow = ["model.good.example"]
)",
             "call /v1/models -k -H 'x-api-key: attackers'");  // TLS to the world's own CA
  EXPECT_EQ(answers(ran), "401\n") << ran.said;
}

TEST_P(Model, EachApiIsKeyedAndMeteredAsItSays) {
  const std::string input = R"("model":"gpt-5.4","input":"hello")";
  const std::string messages = R"("messages":[{"role":"user","content":"hello"}])";
  const std::string contents = R"({"contents":[{"role":"user","parts":[{"text":"hello"}]}]})";
  const struct {
    const char* preset;
    const char* carrier;
    const char* prefix;
    std::string whole, streamed;
    std::uint64_t tokens, micro_usd;  // of one call
  } kApis[] = {
      // 100 in, 40 out, 1000 read from a cache, 20 written to it. opus-5: 5, 25, 0.5, 6.25.
      {"anthropic", "x-api-key", "",
       "/v1/messages --data '{\"model\":\"claude-opus-5\",\"max_tokens\":64," + messages + "}'",
       "/v1/messages --data '{\"model\":\"claude-opus-5\",\"max_tokens\":64,\"stream\":true," +
           messages + "}'",
       160, 500 + 1000 + 500 + 125},
      // No writes; reads are part of the input. gpt-5.4: 2.5, 15, 0.25.
      {"openai", "authorization", "Bearer ", "/v1/responses --data '{" + input + "}'",
       "/v1/responses --data '{" + input + ",\"stream\":true}'", 140, 250 + 600 + 250},
      {"openai", "authorization", "Bearer ",
       "/v1/chat/completions --data '{\"model\":\"gpt-5.4\"," + messages + "}'",
       "/v1/chat/completions --data '{\"model\":\"gpt-5.4\",\"stream\":true," + messages + "}'",
       140, 250 + 600},
      // gemini-2.5-pro: 1.25, 10.
      {"gemini", "x-goog-api-key", "",
       "/v1beta/models/gemini-2.5-pro:generateContent --data '" + contents + "'",
       "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse --data '" + contents + "'", 140,
       125 + 400},
  };
  for (const auto& api : kApis) {
    SCOPED_TRACE(api.whole);
    says({{"usage", {{"input", 100}, {"output", 40}, {"cache_read", 1000}, {"cache_write", 20}}}});
    const Ran ran = script(policy(api.preset), "call " + api.whole + "\ncall " + api.streamed);
    EXPECT_EQ(answers(ran), "200\n200\n") << ran.said;
    EXPECT_EQ(ran.code, 0) << ran.said;
    ASSERT_EQ(arrived().size(), 2U);
    for (const json& request : arrived()) {
      EXPECT_EQ(header(request, api.carrier), api.prefix + kKey);
    }
    EXPECT_EQ(times_of_key(), 2U);
    EXPECT_EQ(
        ran.report["usage"]["model"],
        (json{{"tokens", 2 * api.tokens}, {"requests", 2}, {"micro_usd", 2 * api.micro_usd}}));
  }
}

TEST_P(Model, ALimitOfTokensEndsTheRunAndSaysSo) {
  says({{"usage", {{"input", 900}, {"output", 100}}}});
  const Ran ran = script(policy("anthropic", "", "tokens = 2500"),
                         "message; message; message; message; cat /tmp/body; sleep 600");
  EXPECT_EQ(answers(ran), "200\n200\n200\n403 limits.tokens\n") << ran.said;
  EXPECT_NE(ran.said.find("2,500 tokens are used up"), std::string::npos) << ran.said;
  EXPECT_EQ(arrived().size(), 3U);
  EXPECT_EQ(ran.code, 121);
  EXPECT_EQ(ran.report["verdict"]["status"], "limit_hit");
  EXPECT_EQ(ran.report["outcome"]["limit"], "tokens") << ran.report["outcome"];
  EXPECT_NE(ran.report["verdict"]["reasons"].dump().find("tokens"), std::string::npos);
  EXPECT_EQ(ran.report["usage"]["model"]["tokens"], 3000);
}

TEST_P(Model, LimitsOfRequestsAndOfCostEndTheRunToo) {
  says({{"usage", {{"input", 0}, {"output", 100}}}});
  const Ran asked = script(policy("anthropic", "", "requests = 2"), "message; message; message");
  EXPECT_EQ(answers(asked), "200\n200\n403 limits.requests\n") << asked.said;
  EXPECT_EQ(asked.code, 121);
  EXPECT_EQ(asked.report["outcome"]["limit"], "requests");
  says({{"usage", {{"input", 0}, {"output", 100}}}});
  // $0.0025 each.
  const Ran paid = script(policy("anthropic", "", "cost = 0.004"), "message; message; message");
  EXPECT_EQ(answers(paid), "200\n200\n403 limits.cost\n") << paid.said;
  EXPECT_EQ(arrived().size(), 2U);
  EXPECT_EQ(paid.code, 121);
  EXPECT_EQ(paid.report["outcome"]["limit"], "cost");
  EXPECT_EQ(paid.report["usage"]["model"]["micro_usd"], 5000);
  // The control: as many calls, and none of the limits.
  EXPECT_EQ(script(policy("anthropic", "", "requests = 3"), "message; message; message").code, 0);
}

TEST_P(Model, AModelWithoutAPriceIsRefusedUnderALimitOfCost) {
  const Ran ran = script(policy("anthropic", "", "cost = 1"), "message claude-newest; message");
  EXPECT_EQ(answers(ran), "403 limits.cost\n200\n") << ran.said;
  EXPECT_EQ(arrived().size(), 1U);
}

TEST_P(Model, MoreTokensAMinuteThanEverEndTheRun) {
  says({{"usage", {{"input", 5000}, {"output", 1}}}});
  const Ran ran = script(policy("anthropic", "", "token_rate = 4000"), "message; sleep 600");
  EXPECT_EQ(answers(ran), "200\n") << ran.said;
  EXPECT_EQ(ran.code, 121);
  EXPECT_EQ(ran.report["outcome"]["limit"], "token_rate");
  EXPECT_EQ(script(policy("anthropic", "", "token_rate = 6000"), "message").code, 0);
}

// The key of the run and another of the same organization, and who may disable them.
const std::string kAdmin = "admin-" + std::string("Jq4") + "mW8zXc1Vb6Nt3Lk9Rs5";

json organization(const json& more = json::object()) {
  json out = {{"usage", {{"input", 5000}, {"output", 1}}},
              {"admin",
               {{"key", kAdmin},
                {"keys",
                 {{{"id", "apikey_other"}, {"hint", "real-Wm4...0000"}},
                  {{"id", "apikey_ours"},
                   {"hint", kKey.substr(0, 8) + "..." + kKey.substr(kKey.size() - 4)}}}}}}};
  out.update(more);
  return out;
}

std::string with_admin(const std::string& policy) {
  const std::string from = "from = \"env:MODEL_SECRET\"\n";
  std::string out = policy;
  return out.insert(
      out.find(from),
      "with = { admin = \"env:ADMIN_SECRET\", endpoint = \"https://model.good.example\" }\n");
}

TEST_P(Model, AnAnomalyDisablesTheRunsKeyAtItsIssuer) {
  const std::string limits = "token_rate = 4000\non_token_rate = \"disable-key\"";
  const std::string text = with_admin(policy("anthropic", "", limits));
  const std::map<std::string, std::string> admin = {{"ADMIN_SECRET", kAdmin}};
  says(organization());
  const Ran ran = run(text, {"--", "/bin/bash", "-c", kCall + "message; sleep 600"}, admin);
  EXPECT_EQ(answers(ran), "200\n") << ran.said;
  EXPECT_EQ(ran.code, 121);
  EXPECT_EQ(ran.report["outcome"]["limit"], "token_rate");
  std::vector<json> changes = arrived();
  std::erase_if(changes, [](const json& one) { return one["target"] == "/v1/messages"; });
  ASSERT_EQ(changes.size(), 1U) << json(changes);
  EXPECT_EQ(changes[0]["target"], "/v1/organizations/api_keys/apikey_ours");
  EXPECT_EQ(changes[0]["body"], (json{{"status", "inactive"}}));
  EXPECT_EQ(header(changes[0], "x-api-key"), kAdmin);
  EXPECT_NE(ran.report["notes"].dump().find("the key of credential 'model' is set inactive"),
            std::string::npos)
      << ran.report["notes"];
  ASSERT_EQ(events("credential.disable").size(), 1U);
  EXPECT_EQ(events("credential.disable")[0],
            (json{{"name", "model"}, {"done", true}, {"why", ""}}));
  EXPECT_EQ(ran.report.dump().find(kAdmin), std::string::npos);
  // The control: a rate that is kept, and the key lives.
  says(organization());
  const Ran kept = run(with_admin(policy("anthropic", "",
                                         "token_rate = 6000\non_token_rate = "
                                         "\"disable-key\"")),
                       {"--", "/bin/bash", "-c", kCall + "message"}, admin);
  EXPECT_EQ(kept.code, 0) << kept.said;
  EXPECT_EQ(arrived().size(), 1U);
}

TEST_P(Model, AKeyThatCouldNotBeDisabledIsTold) {
  says(organization({{"admin_status", 500}}));
  const Ran ran =
      run(with_admin(policy("anthropic", "", "token_rate = 4000\non_token_rate = \"disable-key\"")),
          {"--", "/bin/bash", "-c", kCall + "message; sleep 600"}, {{"ADMIN_SECRET", kAdmin}});
  EXPECT_EQ(ran.code, 121);
  EXPECT_EQ(ran.report["outcome"]["limit"], "token_rate");
  const std::string notes = ran.report["notes"].dump();
  EXPECT_NE(notes.find("disable the API key apikey_ours"), std::string::npos) << notes;
  EXPECT_NE(notes.find("answers 500"), std::string::npos) << notes;
  ASSERT_EQ(events("credential.disable").size(), 1U);
  EXPECT_EQ(events("credential.disable")[0]["done"], false);
  EXPECT_NE(events("credential.disable")[0]["why"].get<std::string>().find("answers 500"),
            std::string::npos);
}

TEST_P(Model, OnlyModelsOfTheListAnswer) {
  const Ran ran = script(policy("anthropic", "models = [\"claude-opus-*\"]"),
                         "message claude-sonnet-5; cat /tmp/body; message claude-opus-5");
  EXPECT_EQ(answers(ran), "403 model\n200\n") << ran.said;
  EXPECT_NE(ran.said.find("claude-sonnet-5"), std::string::npos) << ran.said;
  ASSERT_EQ(arrived().size(), 1U);
  EXPECT_EQ(arrived()[0]["body"]["model"], "claude-opus-5");
  EXPECT_EQ(ran.code, 0);
}

TEST_P(Model, TheOutputIsCapped) {
  const Ran ran = script(policy("anthropic", "max_output_tokens = 256"),
                         "message claude-opus-5 4096; message claude-opus-5 100");
  EXPECT_EQ(answers(ran), "200\n200\n") << ran.said;
  ASSERT_EQ(arrived().size(), 2U);
  EXPECT_EQ(arrived()[0]["body"]["max_tokens"], 256);
  EXPECT_EQ(arrived()[1]["body"]["max_tokens"], 100);
}

TEST_P(Model, WhatTheProviderWouldFetchIsStrippedOrRefusedOrAllowed) {
  const std::string call =
      R"sh(message claude-opus-5 100 '"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"mine","input_schema":{"type":"object"}},{"type":"web_fetch_20250910","name":"web_fetch"}]')sh";
  const Ran stripped = script(policy("anthropic"), call);
  EXPECT_EQ(answers(stripped), "200\n") << stripped.said;
  ASSERT_EQ(arrived().size(), 1U);
  ASSERT_EQ(arrived()[0]["body"]["tools"].size(), 1U) << arrived()[0]["body"];
  EXPECT_EQ(arrived()[0]["body"]["tools"][0]["name"], "mine");
  ASSERT_EQ(events("net.denied").size(), 1U);
  EXPECT_EQ(events("net.denied")[0]["rule"], "model.hosted_tools");
  says({});
  const Ran refused = script(policy("anthropic", "hosted_tools = \"refuse\""), call);
  EXPECT_EQ(answers(refused), "403 model\n") << refused.said;
  EXPECT_TRUE(arrived().empty());
  const Ran allowed = script(policy("anthropic", "hosted_tools = \"allow\""), call);
  EXPECT_EQ(answers(allowed), "200\n") << allowed.said;
  ASSERT_EQ(arrived().size(), 1U);
  EXPECT_EQ(arrived()[0]["body"]["tools"].size(), 3U);
}

TEST_P(Model, AStreamIsNotHeldBack) {
  // The server says the second event only after the client, which has seen the first, has asked
  // for something else.
  says({{"hold", true}});
  const Ran ran = script(policy("anthropic"), R"sh(
exec 3< <(curl -sN -H 'content-type: application/json' https://model.good.example/v1/messages \
  --data '{"model":"claude-opus-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}')
read -r first <&3; echo "first: $first"
call /v1/models
cat <&3)sh");
  EXPECT_NE(ran.said.find("first: event: message_start\n"), std::string::npos) << ran.said;
  EXPECT_NE(ran.said.find("event: message_stop"), std::string::npos) << ran.said;
  EXPECT_EQ(ran.said.find("nobody saw"), std::string::npos) << ran.said;
  EXPECT_EQ(ran.report["usage"]["model"]["tokens"], 15);
}

TEST_P(Model, AnAnswerThatCannotBeReadIsNotPassedOn) {
  // A server that heeds what egress asks for sends it plain, whatever the client accepts.
  const Ran plain = script(policy("anthropic"), "message; call /v1/models --compressed");
  EXPECT_EQ(answers(plain), "200\n200\n") << plain.said;
  EXPECT_EQ(header(arrived("GET").at(0), "accept-encoding"), "identity");
  says({{"gzip", true}});
  const Ran encoded = script(policy("anthropic"), "message");
  EXPECT_EQ(answers(encoded), "502 credentials\n") << encoded.said;
  EXPECT_EQ(arrived().size(), 1U);
}

TEST_P(Model, AnAnswerOfAnOverloadedApiIsPassedOnAndFree) {
  says({{"status", 529}});
  const Ran ran = script(policy("anthropic", "", "tokens = 100"),
                         "message; message; message; message; cat /tmp/body");
  EXPECT_EQ(answers(ran), "529\n529\n529\n529\n") << ran.said;
  EXPECT_NE(ran.said.find("Overloaded"), std::string::npos);
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.report["usage"]["model"]["tokens"], 0);
}

TEST_P(Model, FilesBatchesAndOtherStoresAreOutOfReach) {
  const Ran ran = script(policy("anthropic"), R"sh(
call /v1/files
call /v1/files -F 'file=what I found;filename=note'
call /v1/messages/batches --data '{}'
call /v1/messages -X DELETE
call /v1/organizations/api_keys
call /v1/models
call /v1/messages/count_tokens --data '{"model":"claude-opus-5","messages":[{"role":"user","content":"x"}]}'
)sh");
  EXPECT_EQ(answers(ran),
            "403 credentials\n403 credentials\n403 credentials\n403 model\n403 credentials\n200\n"
            "200\n")
      << ran.said;
  EXPECT_EQ(arrived().size(), 1U);  // count_tokens
  EXPECT_EQ(arrived("GET").size(), 1U);
  EXPECT_EQ(ran.report["usage"]["model"]["tokens"], 0);
}

TEST_P(Model, WhatBermDoesNotKnowIsRefusedByName) {
  const Ran ran = script(policy("anthropic"), R"sh(
message claude-opus-5 100 '"teleport":true'; cat /tmp/body; echo
message claude-opus-5 100 '"tools":[{"type":"drone_20300101","name":"drone"}]'; cat /tmp/body; echo
message claude-opus-5 100 '"max_tokens":99999999'; cat /tmp/body; echo
)sh");
  EXPECT_EQ(answers(ran), "403 model\n403 model\n403 model\n") << ran.said;
  EXPECT_NE(ran.said.find("'teleport'"), std::string::npos) << ran.said;
  EXPECT_NE(ran.said.find("'drone_20300101'"), std::string::npos) << ran.said;
  EXPECT_TRUE(arrived().empty());
}

// Codex tries one first.
TEST_P(Model, AWebsocketToAKeyedHostIsRefusedAndOnTheRecord) {
  const Ran ran = script(policy("openai"), R"sh(
call /v1/responses -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
call /v1/models
)sh");
  EXPECT_EQ(answers(ran), "426 credentials\n200\n") << ran.said;
  EXPECT_EQ(arrived("GET").size(), 1U);
  ASSERT_EQ(events("net.denied").size(), 1U);
  EXPECT_EQ(events("net.denied")[0]["rule"], "credentials");
}

}  // namespace
}  // namespace berm::test

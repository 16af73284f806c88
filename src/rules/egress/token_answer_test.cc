#include "rules/egress/token_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace berm {
namespace {

using nlohmann::json;

const std::string kToken = "a.token." + std::string(40, 't');

std::string token_of(const json& answer) {
  const Result<TokenAnswer> read = read_token_answer(answer.dump());
  return read ? std::string(read->token.reveal()) : "refused";
}

TEST(TokenAnswer, EitherNameGivesTheTokenAndBothMustAgree) {
  EXPECT_EQ(token_of({{"token", kToken}}), kToken);
  EXPECT_EQ(token_of({{"access_token", kToken}}), kToken);
  EXPECT_EQ(token_of({{"token", kToken}, {"access_token", kToken}}), kToken);
  EXPECT_EQ(token_of({{"token", nullptr}, {"access_token", kToken}}), kToken);
  EXPECT_EQ(token_of({{"token", kToken}, {"access_token", kToken + "x"}}), "refused");
}

TEST(TokenAnswer, WhatIsNoTokenIsRefused) {
  for (const json& answer :
       {json::object(), json::array(), json("text"), json{{"token", 1}}, json{{"token", ""}},
        json{{"token", "short"}}, json{{"token", kToken + "\r\nX: y"}},
        json{{"token", kToken + " "}}, json{{"token", std::string(33 << 10, 't')}},
        json{{"token", {{"a", kToken}}}}, json{{"token", kToken}, {"expires_in", "soon"}},
        json{{"token", kToken}, {"expires_in", -1}}, json{{"token", kToken}, {"expires_in", 1e300}},
        json{{"token", kToken}, {"issued_at", 5}}}) {
    EXPECT_EQ(token_of(answer), "refused") << answer;
  }
  EXPECT_FALSE(read_token_answer("{\"token\":"));
  EXPECT_FALSE(read_token_answer(""));
}

TEST(TokenAnswer, WhatComesInHoldsThePlaceholderAndNothingElseOfTheAnswer) {
  const json told = {{"token", kToken},   {"refresh_token", "for-ever"},
                     {"expires_in", 300}, {"issued_at", "2026-11-22T10:00:00.123Z"},
                     {"scope", "a:b"},    {"note", kToken}};
  const Result<TokenAnswer> read = read_token_answer(told.dump());
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(json::parse(write_token_answer(*read, "stands-for-it")),
            (json{{"token", "stands-for-it"},
                  {"access_token", "stands-for-it"},
                  {"expires_in", 300},
                  {"issued_at", "2026-11-22T10:00:00Z"}}));
}

TEST(TokenAnswer, ABearersTokenIsReadInTheSchemesEveryCase) {
  EXPECT_EQ(bearer_token("Bearer abc"), "abc");
  EXPECT_EQ(bearer_token("bEARER   abc "), "abc");
  EXPECT_EQ(bearer_token("Basic abc"), "");
  EXPECT_EQ(bearer_token("Bearerabc"), "");
  EXPECT_EQ(bearer_token(""), "");
}

}  // namespace
}  // namespace berm

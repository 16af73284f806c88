#include "rules/model/ledger.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace berm {
namespace {

using namespace std::chrono_literals;

MeteredRequest request_of(std::uint64_t max_tokens, std::string model = "claude-sonnet-5") {
  return {.api = ModelApi::anthropic,
          .model = std::move(model),
          .body_bytes = 198,  // 100 tokens reserved
          .max_tokens = max_tokens};
}

SpendLedger::Ticket reserve(SpendLedger& ledger, const MeteredRequest& request) {
  const auto ticket = ledger.reserve(request);
  return ticket ? *ticket : SpendLedger::Ticket{};
}

TokenUsage used(std::uint64_t output) { return {.model = "claude-sonnet-5", .output = output}; }

TEST(CostOf, FollowsThePriceList) {
  const TokenUsage usage = {.model = "claude-opus-5-20260724",
                            .input = 1'000'000,
                            .output = 100'000,
                            .cache_read = 2'000'000,
                            .cache_write = 300'000,
                            .cache_write_hour = 100'000};
  // 5 + 2.50 + 1 + 0.2 × 6.25 + 0.1 × 10
  EXPECT_EQ(cost_of(ModelApi::anthropic, usage), MicroUsd{10'750'000});
  EXPECT_EQ(cost_of(ModelApi::anthropic, {.model = "claude-opus-5", .web_searches = 3}),
            MicroUsd{30'000});
  EXPECT_EQ(cost_of(ModelApi::anthropic, {.model = "claude-haiku-5-5", .input = 1}), MicroUsd{1});
  EXPECT_EQ(cost_of(ModelApi::anthropic, {.model = "claude-haiku-5-5"}), MicroUsd{0});
}

TEST(CostOf, LongRequestsAreDearerAsAWhole) {
  const TokenUsage at = {.model = "gemini-2.5-pro", .input = 150'000, .cache_read = 50'000};
  TokenUsage above = at;
  ++above.input;
  EXPECT_EQ(cost_of(ModelApi::gemini, at), MicroUsd{193'750});
  EXPECT_EQ(cost_of(ModelApi::gemini, above), MicroUsd{387'503});
}

TEST(CostOf, AnUnknownModelHasNoPrice) {
  for (const std::string model : {"", "claude", "claude-opus-5-turbo", "claude-opus-50", "gpt-5",
                                  "claude-opus-5-2026072", "claude-opus-5-2026-0724", "mock"}) {
    EXPECT_EQ(cost_of(ModelApi::anthropic, {.model = model}), std::nullopt) << model;
  }
  EXPECT_TRUE(cost_of(ModelApi::openai, {.model = "gpt-5-2025-08-07"}));
  EXPECT_EQ(cost_of(ModelApi::openai, {.model = "gpt-5", .premium = true}), std::nullopt);
}

TEST(PriceLists, AreCompleteAndInOrder) {
  for (const PriceList& list : price_lists()) {
    EXPECT_TRUE(list.source.starts_with("https://"));
    EXPECT_EQ(list.read_on.size(), 10);
    std::set<std::string_view> names;
    for (const ModelPrice& price : list.models) {
      SCOPED_TRACE(price.model);
      EXPECT_TRUE(names.insert(price.model).second);
      EXPECT_EQ(find_price(list.api, price.model), &price);
      EXPECT_GT(price.prices.input, 0);
      EXPECT_GT(price.prices.output, price.prices.input);
      EXPECT_LT(price.prices.cache_read, price.prices.input);
      EXPECT_GT(price.prices.cache_read, 0);
      EXPECT_GE(price.prices.cache_write, price.prices.input);
      EXPECT_GE(price.long_input_factor, 1);
      EXPECT_GE(price.long_output_factor, 1);
    }
  }
}

TEST(MicroUsd, IsShownAsMoney) {
  EXPECT_EQ(to_text(MicroUsd{1'250'000}), "$1.25");
  EXPECT_EQ(to_text(MicroUsd{20'000'000}), "$20.00");
  EXPECT_EQ(to_text(MicroUsd{4'200}), "$0.004200");
}

TEST(SpendLedger, SaysWhatIsUsedUp) {
  SpendLedger tokens({.tokens = 2'000'000});
  EXPECT_EQ(tokens.exhausted(), "");
  tokens.settle(reserve(tokens, request_of(10)).id, used(2'000'000), 0ms);
  EXPECT_EQ(tokens.exhausted(), "limits.tokens: 2,000,000 tokens are used up");
  EXPECT_EQ(reserve(tokens, request_of(10)).admission, SpendDecision::exhausted);

  SpendLedger cost({.cost = MicroUsd{5'000'000}});
  cost.settle(reserve(cost, request_of(10)).id, used(500'000), 0ms);  // at $10 a million
  EXPECT_EQ(cost.cost(), MicroUsd{5'000'000});
  EXPECT_EQ(cost.exhausted(), "limits.cost: $5.00 are used up");

  SpendLedger requests({.requests = 2});
  requests.release(reserve(requests, request_of(10)).id);
  EXPECT_EQ(reserve(requests, request_of(10)).admission, SpendDecision::admitted);
  EXPECT_EQ(requests.exhausted(), "limits.requests: 2 model requests are used up");
  EXPECT_EQ(reserve(requests, request_of(10)).admission, SpendDecision::exhausted);
}

// The worst run: everything at once, and every request uses all that it reserved.
TEST(SpendLedger, ParallelRequestsOvershootByLessThanOneRequest) {
  for (std::uint64_t limit = 1; limit < 3000; limit += 7) {
    SpendLedger ledger({.tokens = limit});
    for (;;) {
      std::vector<SpendLedger::Id> under_way;
      SpendLedger::Ticket ticket = reserve(ledger, request_of(400));
      for (; ticket.admission == SpendDecision::admitted;
           ticket = reserve(ledger, request_of(400))) {
        ASSERT_LE(under_way.size(), limit) << "nothing is reserved";
        under_way.push_back(ticket.id);
      }
      if (under_way.empty()) {
        EXPECT_EQ(ticket.admission, SpendDecision::exhausted);
        break;
      }
      EXPECT_EQ(ticket.admission, SpendDecision::wait);
      for (const SpendLedger::Id id : under_way) {
        ledger.settle(id, {.model = "claude-sonnet-5", .input = 100, .output = 400}, 0ms);
      }
    }
    EXPECT_GE(ledger.tokens(), limit);
    EXPECT_LE(ledger.tokens(), limit - 1 + 500);
  }
}

TEST(SpendLedger, TheLimitOfCostHoldsInTheSameWay) {
  SpendLedger ledger({.cost = MicroUsd{10'000}});
  const MicroUsd each = {100 * 4 + 400 * 10};  // written to the cache for an hour, and answered
  std::vector<SpendLedger::Id> under_way;
  SpendLedger::Ticket ticket = reserve(ledger, request_of(400));
  for (; ticket.admission == SpendDecision::admitted; ticket = reserve(ledger, request_of(400))) {
    under_way.push_back(ticket.id);
    ASSERT_LE(under_way.size(), 3) << "nothing is reserved";
  }
  EXPECT_EQ(ticket.admission, SpendDecision::wait);
  EXPECT_EQ(under_way.size(), 3);  // 4,400 each: the third crosses 10,000
  for (const SpendLedger::Id id : under_way) {
    ledger.settle(
        id,
        {.model = "claude-sonnet-5", .output = 400, .cache_write = 100, .cache_write_hour = 100},
        0ms);
  }
  EXPECT_EQ(ledger.cost().count, 3 * each.count);
}

TEST(SpendLedger, WhatIsNotUsedIsGivenBack) {
  SpendLedger ledger({.tokens = 1000});
  const auto first = reserve(ledger, request_of(5000));
  EXPECT_EQ(reserve(ledger, request_of(1)).admission, SpendDecision::wait);
  ledger.settle(first.id, used(10), 0ms);
  ledger.settle(first.id, used(10), 0ms);  // a second time changes nothing
  ledger.release(first.id);
  EXPECT_EQ(ledger.tokens(), 10);
  EXPECT_EQ(reserve(ledger, request_of(1)).admission, SpendDecision::admitted);
}

TEST(SpendLedger, ACostLimitNeedsAPrice) {
  SpendLedger cost({.cost = MicroUsd{1}});
  const auto refused = cost.reserve(request_of(1, "mystery-1"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("the price of 'mystery-1' is not known"), std::string::npos);
  SpendLedger tokens({.tokens = 100});
  EXPECT_EQ(reserve(tokens, request_of(1, "mystery-1")).admission, SpendDecision::admitted);
}

TEST(SpendLedger, AModelThatTheResponseRenamesCostsWhatWasAskedFor) {
  SpendLedger ledger({.cost = MicroUsd{1'000'000'000}});
  ledger.settle(reserve(ledger, request_of(10)).id, {.model = "gateway/x", .output = 1000}, 0ms);
  EXPECT_EQ(ledger.cost(), MicroUsd{10'000});
  const TokenUsage fast = {.model = "claude-sonnet-5", .output = 1000, .premium = true};
  ledger.settle(reserve(ledger, request_of(10)).id, fast, 0ms);
  EXPECT_EQ(ledger.cost(), MicroUsd{70'000});
}

TEST(SpendLedger, TheBandIsOverTheLastMinute) {
  SpendLedger ledger({.tokens_per_minute = 1000});
  const auto spend = [&](std::uint64_t tokens, SpendLedger::Time now) {
    ledger.settle(reserve(ledger, request_of(1)).id, used(tokens), now);
  };
  spend(600, 5s);
  spend(400, 40s);
  EXPECT_FALSE(ledger.above_band(40s));
  spend(1, 64s);
  EXPECT_TRUE(ledger.above_band(64s));
  EXPECT_FALSE(ledger.above_band(65s)) << "the first 600 are a minute old";
  spend(500, 65s);  // in the place of the 600 of second 5, not on top of them
  EXPECT_FALSE(ledger.above_band(65s));
  spend(200, 65s);
  EXPECT_TRUE(ledger.above_band(65s));
  EXPECT_FALSE(ledger.above_band(500s));
  EXPECT_EQ(SpendLedger({}).above_band(0s), false);
}

}  // namespace
}  // namespace berm

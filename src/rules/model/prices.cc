#include "rules/model/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace berm {
namespace {

// Renewing: read the page, change the line, change `read_on`. A model that is not here is refused
// under limits.cost, which is the safe side of a list that is always behind.
// Columns: model, {input, output, cache read, cache write, one-hour cache write}, tier of long
// requests {above, factor of input, factor of output}, read on the vendor's own page?
// clang-format off
constexpr ModelPrice kAnthropic[] = {
    {"claude-fable-5-1",  {10.00, 50.00, 0.25, 12.50,  20.00}, 0,       1, 1, true},
    {"claude-mythos-5-1", {10.00, 50.00, 0.25, 12.50,  20.00}, 0,       1, 1, true},
    {"claude-fable-5",    {10.00, 50.00, 1.00, 12.50,  20.00}, 0,       1, 1, true},
    {"claude-mythos-5",   {10.00, 50.00, 1.00, 12.50,  20.00}, 0,       1, 1, true},
    // Input and output from the vendor's table of models, the cache from a third party.
    {"claude-opus-5-5",   { 4.00, 20.00, 0.20,  5.00,   8.00}, 0,       1, 1, false},
    {"claude-opus-5",     { 5.00, 25.00, 0.50,  6.25,  10.00}, 0,       1, 1, true},
    {"claude-opus-4-8",   { 5.00, 25.00, 0.50,  6.25,  10.00}, 0,       1, 1, true},
    {"claude-opus-4-7",   { 5.00, 25.00, 0.50,  6.25,  10.00}, 0,       1, 1, true},
    {"claude-opus-4-6",   { 5.00, 25.00, 0.50,  6.25,  10.00}, 0,       1, 1, true},
    {"claude-opus-4-5",   { 5.00, 25.00, 0.50,  6.25,  10.00}, 0,       1, 1, true},
    {"claude-opus-4-1",   {15.00, 75.00, 1.50, 18.75,  30.00}, 0,       1, 1, true},
    // The vendor's page of this model says 0.20 for cache reads; third parties report 0.10 since
    // 2026-10-07. The dearer one stands here.
    {"claude-sonnet-5-5", { 2.00, 10.00, 0.20,  2.50,   4.00}, 0,       1, 1, true},
    {"claude-sonnet-5",   { 2.00, 10.00, 0.20,  2.50,   4.00}, 0,       1, 1, true},
    // Of the next two and Haiku 4.5 the vendor's tables of models have input and output; the cache
    // is at the usual 0.1, 1.25 and 2 of the input. Above 200,000 tokens of input the two were
    // dearer while the long context was in beta.
    {"claude-sonnet-4-6", { 3.00, 15.00, 0.30,  3.75,   6.00}, 200'000, 2, 1.5, false},
    {"claude-sonnet-4-5", { 3.00, 15.00, 0.30,  3.75,   6.00}, 200'000, 2, 1.5, false},
    {"claude-haiku-5-5",  { 0.10,  0.50, 0.01,  0.125,  0.20}, 100'000, 5, 5, true},
    {"claude-haiku-4-5",  { 1.00,  5.00, 0.10,  1.25,   2.00}, 0,       1, 1, false},
};

// Cache writes cost 1.25 of the input from GPT-5.6 on, nothing extra before. `0` for an older model
// would make them free, so they stand there at the price of input.
constexpr ModelPrice kOpenAi[] = {
    {"gpt-6.2-sol",       { 2.00, 10.00, 0.10,  2.50,   5.00}, 272'000, 2, 1.5, true},
    {"gpt-6.1-sol",       { 2.00, 10.00, 0.10,  2.50,   5.00}, 272'000, 2, 1.5, false},
    {"gpt-6-sol",         { 2.00, 10.00, 0.20,  2.50,   5.00}, 272'000, 2, 1.5, true},
    {"gpt-6-luna",        { 0.10,  0.50, 0.01,  0.125,  0.25}, 272'000, 2, 1.5, false},
    {"gpt-6-astra",       {10.00, 50.00, 1.00, 12.50,  25.00}, 272'000, 2, 1.5, false},
    // Promotional at least until 2026-11-21; before it 5.00 and 30.00. The dearer ones stand here.
    {"gpt-5.6-sol",       { 5.00, 30.00, 0.50,  6.25,  12.50}, 272'000, 2, 1.5, false},
    {"gpt-5.6",           { 5.00, 30.00, 0.50,  6.25,  12.50}, 272'000, 2, 1.5, false},
    {"gpt-5.6-terra",     { 2.00, 12.00, 0.20,  2.50,   5.00}, 272'000, 2, 1.5, false},
    {"gpt-5.6-luna",      { 0.20,  1.20, 0.02,  0.25,   0.50}, 272'000, 2, 1.5, true},
    {"gpt-5.5",           { 5.00, 30.00, 0.50,  5.00,   0},    272'000, 2, 1.5, false},
    {"gpt-5.4",           { 2.50, 15.00, 0.25,  2.50,   0},    272'000, 2, 1.5, false},
    {"gpt-5.4-mini",      { 0.75,  4.50, 0.075, 0.75,   0},    0,       1, 1, false},
    {"gpt-5.4-nano",      { 0.20,  1.25, 0.02,  0.20,   0},    0,       1, 1, false},
    {"gpt-5-codex",       { 1.25, 10.00, 0.125, 1.25,   0},    0,       1, 1, true},
    {"gpt-5",             { 1.25, 10.00, 0.125, 1.25,   0},    0,       1, 1, true},
};

// Output includes thinking. Writes into the implicit cache are not billed apart from the input.
constexpr ModelPrice kGemini[] = {
    // Until 2026-12-31 half of this; the price from 2027 on stands here.
    {"gemini-3.8-flash",       {1.50,  7.50, 0.15,  1.50, 0}, 0,       1, 1,   false},
    {"gemini-3.5-flash",       {1.50,  9.00, 0.15,  1.50, 0}, 0,       1, 1,   false},
    {"gemini-3.1-pro-preview", {2.00, 12.00, 0.20,  2.00, 0}, 200'000, 2, 1.5, false},
    {"gemini-2.5-pro",         {1.25, 10.00, 0.125, 1.25, 0}, 200'000, 2, 1.5, false},
    {"gemini-2.5-flash",       {1.00,  2.50, 0.10,  1.00, 0}, 0,       1, 1,   false},  // audio's
    {"gemini-2.5-flash-lite",  {0.30,  0.40, 0.03,  0.30, 0}, 0,       1, 1,   false},  // audio's
};

constexpr PriceList kLists[] = {
    {ModelApi::anthropic, "https://platform.claude.com/docs/en/about-claude/pricing",
     "2026-11-22", kAnthropic},
    {ModelApi::openai, "https://developers.openai.com/api/docs/pricing", "2026-11-22", kOpenAi},
    {ModelApi::gemini, "https://ai.google.dev/gemini-api/docs/pricing", "2026-11-22", kGemini},
};
// clang-format on

// "-20250929" or "-2025-09-29".
bool is_snapshot_suffix(std::string_view suffix) {
  if (suffix.size() != 9 && suffix.size() != 11) return false;
  for (std::size_t i = 0; i < suffix.size(); ++i) {
    const bool dash = i == 0 || (suffix.size() == 11 && (i == 5 || i == 8));
    const char c = suffix[i];
    if (dash ? c != '-' : c < '0' || c > '9') return false;
  }
  return true;
}

// Nothing real comes near; so that no product overflows.
constexpr double kMostTokens = 1e12;

// Micro-dollars: dollars a million tokens are micro-dollars a token.
double part(std::uint64_t tokens, double price) {
  return std::min(static_cast<double>(tokens), kMostTokens) * price;
}

}  // namespace

std::string to_text(MicroUsd amount) {
  const std::uint64_t dollars = amount.count / 1'000'000;
  const std::uint64_t rest = amount.count % 1'000'000;
  if (dollars > 0 || rest >= 10'000) return fmt::format("${}.{:02}", dollars, rest / 10'000);
  return fmt::format("${}.{:06}", dollars, rest);
}

std::span<const PriceList> price_lists() { return kLists; }

const ModelPrice* find_price(ModelApi api, std::string_view model) {
  for (const PriceList& list : kLists) {
    if (list.api != api) continue;
    for (const ModelPrice& price : list.models) {
      if (!model.starts_with(price.model)) continue;
      const std::string_view suffix = model.substr(price.model.size());
      if (suffix.empty() || is_snapshot_suffix(suffix)) return &price;
    }
  }
  return nullptr;
}

std::optional<MicroUsd> cost_of(ModelApi api, const TokenUsage& usage) {
  const ModelPrice* found = find_price(api, usage.model);
  if (found == nullptr || usage.premium) return std::nullopt;
  const TokenPrices& price = found->prices;
  const double whole_input = static_cast<double>(usage.input) +
                             static_cast<double>(usage.cache_read) +
                             static_cast<double>(usage.cache_write);
  const bool is_long =
      found->long_input > 0 && whole_input > static_cast<double>(found->long_input);
  const std::uint64_t for_hour = std::min(usage.cache_write_hour, usage.cache_write);
  const double hour = price.cache_write_hour > 0 ? price.cache_write_hour : price.cache_write;
  double input = part(usage.input, price.input) + part(usage.cache_read, price.cache_read) +
                 part(usage.cache_write - for_hour, price.cache_write) + part(for_hour, hour);
  double output = part(usage.output, price.output);
  if (is_long) {
    input *= found->long_input_factor;
    output *= found->long_output_factor;
  }
  // $10 a thousand (platform.claude.com/docs/en/about-claude/pricing, "Web search tool").
  const double searches = part(usage.web_searches, 10'000);
  // The sum of doubles is off by less than a millionth of a cent; up, except for that.
  return MicroUsd{static_cast<std::uint64_t>(std::ceil(input + output + searches - 1e-6))};
}

}  // namespace berm

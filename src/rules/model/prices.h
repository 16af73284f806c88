// src/rules/model/prices.h: what tokens cost, from the vendors' price lists. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rules/model/call.h"
#include "rules/model/usage.h"

namespace berm {

/// A millionth of a US dollar.
struct MicroUsd {
  std::uint64_t count = 0;
  friend auto operator<=>(MicroUsd, MicroUsd) = default;
};

[[nodiscard]] std::string to_text(MicroUsd amount);  ///< "$1.25", "$0.0042"

/// US dollars per million tokens.
struct TokenPrices {
  double input = 0;
  double output = 0;
  double cache_read = 0;
  double cache_write = 0;       ///< 5 minutes, or what the vendor's default is
  double cache_write_hour = 0;  ///< 0: as cache_write
};

/// One line of the price list.
struct ModelPrice {
  /// The name the API takes; a dated snapshot of it ("-20250929", "-2025-09-29") counts as it.
  std::string_view model;
  TokenPrices prices;
  /// Requests with more input than this cost more, all of their tokens. 0: one price.
  std::uint64_t long_input = 0;
  double long_input_factor = 1;  ///< of input and cache
  double long_output_factor = 1;
  bool verified = false;  ///< read on the vendor's own page; else from a third party's copy of it
};

/// One vendor's list: where and when it was read.
struct PriceList {
  ModelApi api = ModelApi::anthropic;
  std::string_view source;
  std::string_view read_on;  ///< "2026-11-22"
  std::span<const ModelPrice> models;
};

[[nodiscard]] std::span<const PriceList> price_lists();

/// The line of `model`; nullptr: not on the list.
[[nodiscard]] const ModelPrice* find_price(ModelApi api, std::string_view model);

/// What `usage` costs at list prices, rounded up. nullopt: the model is not on the list, or ran in
/// a premium tier: under limits.cost the caller then refuses. Not covered: regional surcharges
/// (about 10 %), batch discounts, negotiated prices, and per-call fees of hosted tools other than
/// web search.
[[nodiscard]] std::optional<MicroUsd> cost_of(ModelApi api, const TokenUsage& usage);

}  // namespace berm

#include "rules/model/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return a > kMost - b ? kMost : a + b; }

std::int64_t second_of(SpendLedger::Time now) { return now.count() / 1000; }

// "2,000,000"
std::string grouped(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string out;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    if (at > 0 && (digits.size() - at) % 3 == 0) out += ',';
    out += digits[at];
  }
  return out;
}

// The most that `request` can use, at the dearest price for input: written to the cache for an
// hour. A request without a limit of its own: see the class.
TokenUsage most_of(const MeteredRequest& request) {
  TokenUsage most;
  most.model = request.model;
  most.cache_write = request.body_bytes / 2 + 1;
  most.cache_write_hour = most.cache_write;
  most.output = request.max_tokens.value_or(0);
  return most;
}

}  // namespace

bool SpendLedger::is_full(std::uint64_t tokens, MicroUsd cost) const {
  return (limits_.tokens && tokens >= *limits_.tokens) || (limits_.cost && cost >= *limits_.cost);
}

Result<SpendLedger::Ticket> SpendLedger::reserve(const MeteredRequest& request) {
  const TokenUsage most = most_of(request);
  const std::optional<MicroUsd> cost = cost_of(request.api, most);
  if (limits_.cost && !cost) {
    return failure(Errc::denied,
                   fmt::format("send this model request: the price of '{}' is not known",
                               printable(request.model.substr(0, 80))),
                   "use a model of berm's price list, or limits.tokens instead of limits.cost");
  }
  if (!exhausted().empty()) return Ticket{SpendDecision::exhausted, 0};
  // With nothing under way the reserved sums are zero, and exhausted() has said that there is room:
  // nobody waits for ever.
  const MicroUsd with_others{sum(cost_.count, reserved_cost_.count)};
  if (is_full(sum(tokens_, reserved_tokens_), with_others)) return Ticket{SpendDecision::wait, 0};
  Reserved reserved = {.api = request.api,
                       .model = request.model,
                       .tokens = counted_tokens(most),
                       .cost = cost.value_or(MicroUsd{})};
  reserved_tokens_ = sum(reserved_tokens_, reserved.tokens);
  reserved_cost_.count = sum(reserved_cost_.count, reserved.cost.count);
  ++requests_;
  under_way_.emplace(next_, std::move(reserved));
  return Ticket{SpendDecision::admitted, next_++};
}

// The response may name its model in a way that the list does not have; then as the request did.
// Nothing known, and no limit of cost to hold: what was reserved.
MicroUsd SpendLedger::price(const Reserved& reserved, const TokenUsage& usage) const {
  std::optional<MicroUsd> cost = cost_of(reserved.api, usage);
  if (!cost) {
    TokenUsage as_asked = usage;
    as_asked.model = reserved.model;
    as_asked.premium = false;
    cost = cost_of(reserved.api, as_asked);
    // Six times the standard price is the dearest tier of the lists (fast modes, ultrafast).
    if (cost && usage.premium)
      cost->count = sum(cost->count, sum(cost->count * 2, cost->count * 3));
  }
  return cost.value_or(reserved.cost);
}

void SpendLedger::settle(Id id, const TokenUsage& usage, Time now) {
  const auto found = under_way_.find(id);
  if (found == under_way_.end()) return;
  const Reserved reserved = found->second;
  release(id);
  const std::uint64_t used = counted_tokens(usage);
  tokens_ = sum(tokens_, used);
  cost_.count = sum(cost_.count, price(reserved, usage).count);
  const std::int64_t at = std::max<std::int64_t>(0, second_of(now));
  Second& second = seconds_[static_cast<std::size_t>(at) % seconds_.size()];
  if (second.at != at) second = {.at = at, .tokens = 0};
  second.tokens = sum(second.tokens, used);
}

void SpendLedger::release(Id id) {
  const auto found = under_way_.find(id);
  if (found == under_way_.end()) return;
  reserved_tokens_ -= std::min(reserved_tokens_, found->second.tokens);
  reserved_cost_.count -= std::min(reserved_cost_.count, found->second.cost.count);
  under_way_.erase(found);
}

std::string SpendLedger::exhausted() const {
  if (limits_.tokens && tokens_ >= *limits_.tokens) {
    return fmt::format("limits.tokens: {} tokens are used up", grouped(*limits_.tokens));
  }
  if (limits_.cost && cost_ >= *limits_.cost) {
    return fmt::format("limits.cost: {} are used up", to_text(*limits_.cost));
  }
  if (limits_.requests && requests_ >= *limits_.requests) {
    return fmt::format("limits.requests: {} model requests are used up",
                       grouped(*limits_.requests));
  }
  return "";
}

bool SpendLedger::above_band(Time now) const {
  if (!limits_.tokens_per_minute) return false;
  const std::int64_t last = second_of(now);
  std::uint64_t total = 0;
  for (const Second& second : seconds_) {
    const bool within = second.at >= 0 && second.at <= last && last - second.at < 60;
    if (within) total = sum(total, second.tokens);
  }
  return total > *limits_.tokens_per_minute;
}

}  // namespace berm

#include "egress/model_meter.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace berm {
namespace {

SpendLimits limits_of(const ModelBudget& budget) {
  SpendLimits out{.tokens = budget.tokens,
                  .cost = std::nullopt,
                  .requests = budget.requests,
                  .tokens_per_minute = budget.token_rate};
  if (budget.cost)
    out.cost = MicroUsd{static_cast<std::uint64_t>(std::llround(*budget.cost * 1e6))};
  return out;
}

SpendLedger::Time now() {
  return std::chrono::duration_cast<SpendLedger::Time>(
      std::chrono::steady_clock::now().time_since_epoch());
}

std::string name_of_limit(const std::string& exhausted) {
  return exhausted.substr(0, exhausted.find(':'));
}

}  // namespace

ModelMeter::ModelMeter(const ModelBudget& budget, EventSink& events)
    : events_(events), ledger_(limits_of(budget)), on_anomaly_(budget.on_token_rate) {}

Result<SpendLedger::Id> ModelMeter::admit(const MeteredRequest& request) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const Result<SpendLedger::Ticket> reserved = ledger_.reserve(request);
    // A model without a price.
    if (!reserved) return failure(Errc::denied, sentence(reserved.error()), "limits.cost");
    const SpendLedger::Ticket& ticket = *reserved;
    if (ticket.admission == SpendDecision::admitted) return ticket.id;
    if (ticket.admission == SpendDecision::exhausted) {
      const std::string why = ledger_.exhausted();
      say_limit(why);
      return failure(Errc::denied, why, name_of_limit(why));
    }
    // Whoever holds the rest may hang: then this one is refused, not kept for ever.
    if (ended_.wait_for(lock, std::chrono::minutes(2)) == std::cv_status::timeout) {
      return failure(Errc::denied, "other requests hold what is left of the limit",
                     "limits.tokens");
    }
  }
}

void ModelMeter::settle(SpendLedger::Id id, ModelApi api, const TokenUsage& usage) {
  const std::lock_guard lock(mutex_);
  ledger_.settle(id, usage, now());
  ended_.notify_all();
  nlohmann::json event = {{"type", "model.usage"},
                          {"model", printable(usage.model)},
                          {"input", usage.input},
                          {"output", usage.output},
                          {"cache_read", usage.cache_read},
                          {"cache_write", usage.cache_write},
                          {"estimated", usage.estimated},
                          {"total_tokens", ledger_.tokens()},
                          {"total_requests", ledger_.requests()}};
  if (const std::optional<MicroUsd> cost = cost_of(api, usage)) event["micro_usd"] = cost->count;
  events_.say(event);
  say_anomaly();
}

void ModelMeter::release(SpendLedger::Id id) {
  const std::lock_guard lock(mutex_);
  ledger_.release(id);
  ended_.notify_all();
}

// Once: the supervisor ends the run on it. Not when the last token is spent, but when one more is
// asked for: an agent that has finished is no offender.
void ModelMeter::say_limit(const std::string& full) {
  if (std::exchange(told_limit_, true)) return;
  events_.say({{"type", "model.limit"},
               {"decision", "deny"},
               {"limit", name_of_limit(full)},
               {"reason", full}});
}

void ModelMeter::say_anomaly() {
  if (!ledger_.above_band(now()) || std::exchange(told_anomaly_, true)) return;
  events_.say({{"type", "model.anomaly"},
               {"decision", "deny"},
               {"limit", "limits.token_rate"},
               {"disable_key", on_anomaly_ == AnomalyAction::disable_key},
               {"reason", "more tokens a minute than limits.token_rate"}});
}

}  // namespace berm

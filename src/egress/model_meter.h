// src/egress/model_meter.h: what the run spends on model APIs, and its end.
#pragma once

#include <condition_variable>
#include <mutex>

#include "egress/events.h"
#include "policy/policy.h"
#include "rules/model/ledger.h"

namespace berm {

/// The run's one account of model APIs. Thread safe.
class ModelMeter {
 public:
  ModelMeter(const ModelBudget& budget, EventSink& events);

  /// Asks to send a request; waits while what is under way may use up the rest. An admitted one is
  /// settled or released.
  /// @return Errc::denied with one line for the agent; the limit's name is in `fix`.
  [[nodiscard]] Result<SpendLedger::Id> admit(const MeteredRequest& request);
  /// The response has ended: says what it used, and whether that was too fast.
  void settle(SpendLedger::Id id, ModelApi api, const TokenUsage& usage);
  /// Nothing was billed.
  void release(SpendLedger::Id id);

 private:
  void say_limit(const std::string& full);
  void say_anomaly();

  EventSink& events_;
  std::mutex mutex_;
  std::condition_variable ended_;  ///< a request that was under way
  SpendLedger ledger_;
  AnomalyAction on_anomaly_;
  bool told_limit_ = false;
  bool told_anomaly_ = false;
};

}  // namespace berm

// src/rules/model/ledger.h: what a run may spend on models. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "rules/model/prices.h"
#include "rules/model/usage.h"

namespace berm {

/// nullopt: no limit.
struct SpendLimits {
  std::optional<std::uint64_t> tokens;  ///< see counted_tokens()
  std::optional<MicroUsd> cost;
  std::optional<std::uint64_t> requests;
  std::optional<std::uint64_t> tokens_per_minute;  ///< the band of the anomaly rule; never refuses
};

/// What came of asking to send a request.
enum class SpendDecision : std::uint8_t {
  admitted,
  wait,       ///< what is under way may use up the rest: ask again when one of them has ended
  exhausted,  ///< final: exhausted() says what
};

/// The account of one run. Not thread-safe: its caller serialises the calls.
///
/// How far a limit holds. A request reserves the most it can use: half its body's bytes for input
/// (see UsageMeter) and max_tokens for output. It is admitted while what is settled, plus what is
/// reserved by others, is below every limit; so at any time at most one admitted request reaches
/// beyond the limit, and however many run in parallel:
///     settled total <= limit - 1 + the use of one request
/// This rests on reservations being upper bounds. They are not if a request has no max_tokens
/// (set model.max_output_tokens), for text of less than 2 bytes a token, and for hosted tools that
/// put their own text into the prompt (allowed only by model.hosted_tools).
/// limits.requests holds exactly.
class SpendLedger {
 public:
  using Time = std::chrono::milliseconds;  ///< of a clock that never goes back
  using Id = std::uint64_t;

  explicit SpendLedger(SpendLimits limits) : limits_(limits) {}

  struct Ticket {
    SpendDecision admission = SpendDecision::exhausted;
    Id id = 0;  ///< of an admitted request; for settle() or release()
  };

  /// Asks to send `request`. An admitted one must be settled or released, or it counts for ever.
  /// @return Errc::denied under limits.cost, for a model whose price is not known.
  [[nodiscard]] Result<Ticket> reserve(const MeteredRequest& request);

  /// The response has ended. Unknown ids are ignored: a second call changes nothing.
  void settle(Id id, const TokenUsage& usage, Time now);

  /// The provider answered with an error status, or not at all: nothing is billed. It stays one of
  /// limits.requests.
  void release(Id id);

  /// One line for the agent, e.g. "limits.tokens: 2,000,000 tokens are used up"; "" if none is.
  [[nodiscard]] std::string exhausted() const;

  /// More tokens than the band were settled within the minute before `now`.
  [[nodiscard]] bool above_band(Time now) const;

  [[nodiscard]] std::uint64_t tokens() const { return tokens_; }
  [[nodiscard]] MicroUsd cost() const { return cost_; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }

 private:
  struct Reserved {
    ModelApi api = ModelApi::anthropic;
    std::string model;
    std::uint64_t tokens = 0;
    MicroUsd cost;
  };

  /// What was settled in one second.
  struct Second {
    std::int64_t at = -1;
    std::uint64_t tokens = 0;
  };

  [[nodiscard]] bool is_full(std::uint64_t tokens, MicroUsd cost) const;
  [[nodiscard]] MicroUsd price(const Reserved& reserved, const TokenUsage& usage) const;

  SpendLimits limits_;
  std::uint64_t tokens_ = 0;
  MicroUsd cost_;
  std::uint64_t requests_ = 0;
  std::uint64_t reserved_tokens_ = 0;
  MicroUsd reserved_cost_;
  std::map<Id, Reserved> under_way_;
  Id next_ = 1;
  std::array<Second, 60> seconds_;
};

}  // namespace berm

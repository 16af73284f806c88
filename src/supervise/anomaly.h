// src/supervise/anomaly.h: an agent that runs in circles, or a program that storms.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "policy/policy.h"

namespace berm {

/// Counts what happens and says when it is more than the policy's rates. Each kind is told once.
class AnomalyGuard {
 public:
  using Clock = std::chrono::steady_clock;

  struct Anomaly {
    std::string
        what;  ///< "repeated-failure", "call-storm", "exec-storm", "request-storm", "output-flood"
    std::string detail;
  };

  explicit AnomalyGuard(const ToolPolicy& policy) : policy_(policy) {}

  [[nodiscard]] std::optional<Anomaly> on_call(Clock::time_point now);
  [[nodiscard]] std::optional<Anomaly> on_exec(Clock::time_point now);
  [[nodiscard]] std::optional<Anomaly> on_request(Clock::time_point now);
  /// @param total  bytes printed since the start
  [[nodiscard]] std::optional<Anomaly> on_output(std::uint64_t total, Clock::time_point now);
  /// @param call  what makes two calls the same: tool and digest of its input
  [[nodiscard]] std::optional<Anomaly> on_result(const std::string& tool, const std::string& call,
                                                 bool failed);

 private:
  // A count in one-second slots, of which the last five, or sixty, are added up.
  class Rate {
   public:
    [[nodiscard]] std::uint64_t add(std::uint64_t count, std::int64_t second, std::size_t window);

   private:
    std::array<std::uint64_t, 64> slots_{};
    std::int64_t last_ = 0;
  };
  [[nodiscard]] std::optional<Anomaly> once(const char* what, std::string detail);

  ToolPolicy policy_;
  Rate calls_;
  Rate execs_;
  Rate requests_;
  Rate output_;
  std::uint64_t output_before_ = 0;
  std::map<std::string, std::uint64_t> failures_;  ///< in a row, by call; few: forgotten on success
  std::map<std::string, bool> told_;
};

}  // namespace berm

#include "supervise/anomaly.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm {
namespace {

constexpr std::size_t kStorm = 5;  // seconds that a storm has to last
constexpr std::size_t kMinute = 60;
constexpr std::size_t kMostCalls = 1000;  // whose failures are counted at a time

std::int64_t second_of(AnomalyGuard::Clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace

std::uint64_t AnomalyGuard::Rate::add(std::uint64_t count, std::int64_t second,
                                      std::size_t window) {
  const auto size = static_cast<std::int64_t>(slots_.size());
  for (std::int64_t s = std::max(last_ + 1, second - size + 1); s <= second; ++s) {
    slots_[static_cast<std::size_t>(s % size)] = 0;
  }
  last_ = std::max(last_, second);
  slots_[static_cast<std::size_t>(second % size)] += count;
  std::uint64_t sum = 0;
  for (std::int64_t s = second - static_cast<std::int64_t>(window) + 1; s <= second; ++s) {
    if (s >= 0) sum += slots_[static_cast<std::size_t>(s % size)];
  }
  return sum;
}

std::optional<AnomalyGuard::Anomaly> AnomalyGuard::once(const char* what, std::string detail) {
  if (policy_.on_anomaly == AnomalyResponse::ignore || told_[what]) return std::nullopt;
  told_[what] = true;
  return Anomaly{.what = what, .detail = std::move(detail)};
}

std::optional<AnomalyGuard::Anomaly> AnomalyGuard::on_call(Clock::time_point now) {
  const std::uint64_t count = calls_.add(1, second_of(now), kMinute);
  if (count <= policy_.call_rate) return std::nullopt;
  return once("call-storm", fmt::format("{} tool calls in a minute", count));
}

std::optional<AnomalyGuard::Anomaly> AnomalyGuard::on_exec(Clock::time_point now) {
  const std::uint64_t count = execs_.add(1, second_of(now), kStorm);
  if (count <= policy_.exec_rate * kStorm) return std::nullopt;
  return once("exec-storm", fmt::format("{} programs started in {} s", count, kStorm));
}

std::optional<AnomalyGuard::Anomaly> AnomalyGuard::on_request(Clock::time_point now) {
  const std::uint64_t count = requests_.add(1, second_of(now), kStorm);
  if (count <= policy_.request_rate * kStorm) return std::nullopt;
  return once("request-storm", fmt::format("{} connections and requests in {} s", count, kStorm));
}

std::optional<AnomalyGuard::Anomaly> AnomalyGuard::on_output(std::uint64_t total,
                                                             Clock::time_point now) {
  const std::uint64_t more = total - std::min(total, output_before_);
  output_before_ = total;
  const std::uint64_t count = output_.add(more, second_of(now), kStorm);
  if (count <= policy_.output_rate.count * kStorm) return std::nullopt;
  return once("output-flood", fmt::format("{} printed in {} s", to_text(Bytes{count}), kStorm));
}

std::optional<AnomalyGuard::Anomaly> AnomalyGuard::on_result(const std::string& tool,
                                                             const std::string& call, bool failed) {
  if (!failed) {
    failures_.erase(call);
    return std::nullopt;
  }
  if (failures_.size() >= kMostCalls) failures_.clear();
  const std::uint64_t count = ++failures_[call];
  if (count < policy_.repeated_failures) return std::nullopt;
  return once("repeated-failure",
              fmt::format("the same call of {} failed {} times in a row", tool, count));
}

}  // namespace berm

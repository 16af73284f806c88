// src/batch/pace.h: how many runs are started, and when, so that whoever runs them is not overrun.
#pragma once

#include <chrono>
#include <cstddef>

namespace berm {

/// A place that says "busy" (a quota, an API server) is left alone for a while that doubles, and
/// gets no more runs at a time than it held then; when as many have ended well, one more is tried.
/// Pure: time is given.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{60};

  /// @param most  runs at a time, at least 1
  explicit Pace(std::size_t most) : most_(most), now_(most) {}

  /// @param live  runs that go on
  [[nodiscard]] bool may_start(std::size_t live, Time now) const;
  /// When may_start() may turn true although nothing ends; Time::max(): not by time.
  [[nodiscard]] Time next(std::size_t live) const;

  /// A run was refused for want of room. @param live  the others that go on
  void refused(std::size_t live, Time now);
  /// A run was held to its end.
  void held();

  [[nodiscard]] std::size_t limit() const { return now_; }

 private:
  std::size_t most_;
  std::size_t now_;
  std::size_t held_ = 0;
  std::chrono::seconds pause_{0};
  Time not_before_ = Time::min();
};

}  // namespace berm

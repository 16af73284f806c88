// src/egress/events.h: what egress tells the supervisor, one JSON line an event.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>

namespace berm {

/// Writes whole lines of at most PIPE_BUF bytes, so that two threads never mix theirs. Blocks when
/// the supervisor does not read: what is not recorded does not happen.
class EventSink {
 public:
  explicit EventSink(int fd) : fd_(fd) {}
  /// Ends the process if the supervisor is gone: no egress without a record.
  void say(nlohmann::json event);

 private:
  static constexpr std::uint64_t kMostDenied =
      1000;  ///< told one by one; then every thousandth, with "left_out"
  int fd_;
  std::atomic<std::uint64_t> denied_ = 0;
  std::mutex mutex_;
};

}  // namespace berm

// src/egress/events.h: what egress tells the supervisor, one JSON line an event.
#pragma once

#include <mutex>
#include <nlohmann/json_fwd.hpp>

namespace berm {

/// Writes whole lines of at most PIPE_BUF bytes, so that two threads never mix theirs. Blocks when
/// the supervisor does not read: what is not recorded does not happen.
class EventSink {
 public:
  explicit EventSink(int fd) : fd_(fd) {}
  /// Ends the process if the supervisor is gone: no egress without a record.
  void say(const nlohmann::json& event);

 private:
  int fd_;
  std::mutex mutex_;
};

}  // namespace berm

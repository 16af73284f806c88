// src/egress/tool_result_log.h: tells the supervisor which tool calls the agent says it has made.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "egress/events.h"
#include "rules/model/request.h"

namespace berm {

/// Every request repeats the conversation so far; each result is told once. Thread safe.
class ToolResultLog {
 public:
  explicit ToolResultLog(EventSink& events) : events_(events) {}

  /// What stands in the first request of all is history that the user brought along.
  void note(const std::vector<ToolResult>& results);

 private:
  EventSink& events_;
  std::mutex mutex_;
  std::set<std::string> told_;
  bool first_ = true;
};

}  // namespace berm

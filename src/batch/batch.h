// src/batch/batch.h: many runs, some at a time, each a berm of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace berm {

struct BatchRequest {
  std::string tasks;                 ///< file (batch/task.h)
  std::string results;               ///< file (batch/results.h)
  std::string logs;                  ///< directory for what the agents print; "" = nowhere
  std::vector<std::string> options;  ///< of `berm run`, for each
  /// Likewise, for tasks that do not say otherwise; "{task}" of `on_success` is the task's id.
  std::string policy, on_success, time;
  std::size_t parallel = 8;
  std::uint64_t attempts = 3;  ///< of a task whose run cannot be started
  std::chrono::milliseconds patience = std::chrono::hours(1);  ///< with a place that is busy
  bool again = false;            ///< what has not succeeded is done once more
  bool keep_going = false;       ///< although no run can be started
  bool keep_workspaces = false;  ///< of runs that leave nothing to import, too
  /// Told how a task ended that did not succeed, and every `tell_every` how far the batch is.
  std::function<void(const std::string&line)> on_failure, on_progress;
  std::chrono::seconds tell_every{10};
};

struct BatchReport {
  std::uint64_t tasks = 0;
  std::uint64_t before = 0;                        ///< were done already
  std::map<std::string, std::uint64_t> by_status;  ///< of this time
  std::uint64_t refused = 0;                       ///< times that a run was put off for room
  std::uint64_t runs = 0;                          ///< that were tried
  std::string stopped;                             ///< why not all were done; "" = they were
  double seconds = 0;

  [[nodiscard]] std::uint64_t ended() const;
  [[nodiscard]] bool success() const;  ///< every task that is not done before succeeded
};

/// Starts a process `berm run` for each task: what happens in one, its death included, is no
/// other's. Only a run that was not started is tried again: with patience where its place was busy,
/// else a few times.
/// Signals: SIGINT starts no more and waits; the next, and SIGTERM, are passed to all runs.
[[nodiscard]] Result<BatchReport> run_batch(const BatchRequest& request);

}  // namespace berm

// src/batch/results.h: how the tasks of a batch ended, a JSON object a line, and what is left to
// do.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace berm {

struct TaskResult {
  std::string task;
  std::string run;     ///< "" = no run was made
  std::string status;  ///< of the verdict; "lost": berm died, and the agent may have run
  int exit_code = 0;
  std::string error;  ///< Errc of a run that was not started, by name
  std::vector<std::string> reasons;
  std::uint64_t changes = 0;
  std::string import;  ///< what was done with the changes; "" = nothing
  std::uint64_t attempts = 0;
  double seconds = 0;

  [[nodiscard]] bool success() const { return status == "success"; }
};
[[nodiscard]] nlohmann::json to_json(const TaskResult& result);

/// What `berm run --json` has printed. @param exit_code  128 + signal where it was killed
[[nodiscard]] TaskResult read_run_report(const std::string& report, int exit_code);

/// A file that only grows: who starts the same batch again goes on with what it does not name. One
/// batch at a time, by lock.
class BatchResults {
 public:
  /// @param again  tasks that have not succeeded are to be done once more
  /// @return Errc::denied: another batch writes to it; Errc::usage: it is something else
  [[nodiscard]] static Result<BatchResults> open(const std::string& file, bool again);

  [[nodiscard]] bool has(const std::string& task) const { return done_.contains(task); }
  [[nodiscard]] Result<void> add(const TaskResult& result);

 private:
  void note(const std::string& task, const std::string& status, bool again);

  UniqueFd fd_;
  std::unordered_set<std::string> done_;
};

}  // namespace berm

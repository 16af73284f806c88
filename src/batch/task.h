// src/batch/task.h: what a batch is to do, a JSON object a line.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"

namespace berm {

/// {"id": "fix-12", "command": ["claude", "-p", "…"], "directory": "../other", "policy": FILE,
///  "on_success": "branch:agent/fix-12", "time": "10m"}: all but the first two may be left out.
struct BatchTask {
  std::string id;                    ///< [A-Za-z0-9._-], at most 100
  std::vector<std::string> command;  ///< as after `berm run`: an agent's name first, or "--"
  std::string directory;             ///< "" = where the batch was started
  std::string policy, on_success, time;
};

/// @return Errc::usage: what is wrong with the line
[[nodiscard]] Result<BatchTask> parse_task(std::string_view line);

/// `text` with each "{task}" replaced by the task's id.
[[nodiscard]] std::string with_task(std::string text, const std::string& id);

/// The tasks of a file of lines, one after the other; empty lines are none.
class TaskFile {
 public:
  [[nodiscard]] static Result<TaskFile> open(const std::string& file);
  /// @return nullopt after the last; Errc::usage with the line that is no task, or whose id was
  ///         there before
  [[nodiscard]] Result<std::optional<BatchTask>> next();

 private:
  std::string file_;
  std::ifstream in_;
  std::size_t number_ = 0;
  std::unordered_set<std::string> ids_;
};

/// Whether all of a file are tasks, before the first is done. @return how many
[[nodiscard]] Result<std::uint64_t> count_tasks(const std::string& file);

}  // namespace berm

// src/audit/ship/progress_file.h: sinks/NAME.json in the run directory: what a sink has.
#pragma once

#include <string>
#include <vector>

#include "audit/ship/record_reader.h"

namespace berm {

struct SinkProgressState {
  RecordPlace acknowledged;
  std::uint64_t refused = 0;
  std::vector<std::string> gaps;  ///< "17: 400: mapper_parsing_exception"; the first few
};

/// Opened once, and written in place by one write of one page: the process that writes it may open
/// no file. What a power cut tore is read as nothing acknowledged, and comes again.
class ProgressFile {
 public:
  /// @param directory  of the run
  [[nodiscard]] static Result<ProgressFile> open(const std::string& directory,
                                                 const std::string& run, const SinkGrant& sink);
  [[nodiscard]] const SinkProgressState& state() const { return state_; }
  /// A SIGKILL does not lose it. A power cut may, until flush(): then events come again, for what
  /// this says never runs ahead of what the sink has.
  [[nodiscard]] Result<void> save(const SinkProgressState& state);
  void flush();  ///< through to the disk: a busy one takes seconds

 private:
  [[nodiscard]] std::string text_of(const SinkProgressState& state) const;

  UniqueFd fd_;
  std::string run_;
  std::string sink_;
  std::string type_;
  SinkProgressState state_;
};

[[nodiscard]] std::string progress_path(const std::string& directory, const std::string& sink);
/// Names of the sinks that have a state there, in order.
[[nodiscard]] std::vector<std::string> sinks_with_state(const std::string& directory);
/// @return Errc::denied  it is torn, or not of this run.
[[nodiscard]] Result<SinkProgressState> read_progress(const std::string& text,
                                                      const std::string& run);

}  // namespace berm

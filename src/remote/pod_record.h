// src/remote/pod_record.h: the record that berm in a pod writes, as the caller takes it over.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "audit/record_file.h"
#include "record/sha256.h"
#include "sys/fd.h"

namespace berm {

/// Keeps the pod's record as it came, byte for byte, and puts its events on the caller's: of the
/// agent, of egress, of tool calls. What the caller says of the run itself (its start, its
/// enforcement, its verdict) the pod's does not say again. A line that does not continue the pod's
/// chain is taken for what it is: somebody else's.
class PodRecord {
 public:
  /// @param copy  a new file
  /// @param passed_on  of its events stand on the caller's record already
  [[nodiscard]] static Result<PodRecord> create(std::string run, const std::string& copy,
                                                RecordFile& record, std::uint64_t passed_on = 0);

  /// @return Errc::denied when the chain is broken
  [[nodiscard]] Result<void> take(std::string_view bytes);

  [[nodiscard]] std::uint64_t count() const { return sequence_; }
  [[nodiscard]] const std::string& head() const { return previous_; }
  /// The program that was started last, or the tool that was called: "npm (/usr/bin/npm)".
  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  PodRecord(std::string run, UniqueFd copy, RecordFile& record);
  [[nodiscard]] Result<void> take_line(std::string_view line);
  void note_last(std::string_view type, const nlohmann::json& data);

  std::string run_;
  UniqueFd copy_;
  RecordFile* record_;
  std::string held_;
  std::string previous_;
  std::uint64_t sequence_ = 0;
  std::uint64_t passed_on_ = 0;
  std::string last_;
};

/// True for what the caller alone says on its record; all else there, once the agent was started,
/// came from its pods.
[[nodiscard]] bool is_callers(std::string_view type);

}  // namespace berm

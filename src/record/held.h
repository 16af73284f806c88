// src/record/held.h: what a sink holds of runs, told from what it is wrapped in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "record/verify.h"

namespace berm {

/// Of one run: in any order, some more than once (sinks are given everything at least once).
struct HeldRun {
  std::map<std::uint64_t, std::string> lines;  ///< as they were sealed, by sequence
  std::uint64_t copies = 0;                    ///< the same event again
  std::vector<RecordProblem> problems;         ///< `line` is the sequence
};

/// Gathers the events of a sink: files of ours, rsyslog's, objects of a bucket, the answer of a
/// search. An event is found as a line, at the end of a line, as a string or an object anywhere in
/// a JSON document (Splunk's `event`, Elasticsearch's `_source`, Loki's `values`, `raw_data`).
class HeldEvents {
 public:
  void add(std::string_view text);
  [[nodiscard]] const std::map<std::string, HeldRun>& runs() const { return runs_; }
  /// Lines in which there is none: of other programs, or damaged.
  [[nodiscard]] std::uint64_t other_lines() const { return other_lines_; }

 private:
  bool take(std::string_view line);
  bool take_part(std::string_view line);
  bool take_json(std::string_view text);

  std::map<std::string, HeldRun> runs_;
  std::uint64_t other_lines_ = 0;
};

/// Checks what is held of one run. Problems carry the sequence of the event in `line`; missing
/// events are gaps.
/// @param record  the run's own record: what differs from it is `forked`, what it has and the sink
///                has not is a gap; nullptr = not at hand
[[nodiscard]] RecordCheck check_held(const HeldRun& held, const RecordTrust& trust,
                                     const std::string* record = nullptr);

}  // namespace berm

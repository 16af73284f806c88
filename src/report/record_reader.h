// src/report/record_reader.h: a record line by line: its facts and its chain, in bounded memory.
#pragma once

#include "report/facts.h"

namespace berm::report {

/// Hears the lines of one record. Checks what stands in the lines themselves: the hash of each, the
/// chain, the sequence, one run. Signatures are for `berm verify`.
class RecordReader {
 public:
  /// @param line  without its line feed
  void line(std::string_view line);
  /// A line that could not be read, or that has no end.
  void broken(std::string_view why);
  [[nodiscard]] RunFacts take();
  /// Wall time of the first event; "" before it.
  [[nodiscard]] const std::string& started() const { return started_; }

 private:
  [[nodiscard]] std::string wrong_with(const nlohmann::json& event, std::string_view line) const;

  FactsCollector facts_;
  Integrity integrity_;
  std::uint64_t lines_ = 0, next_ = 0;
  std::string previous_, run_, started_;
  bool ended_ = false;
};

/// What a whole text in memory tells.
[[nodiscard]] RunFacts read_record(std::string_view text);

}  // namespace berm::report

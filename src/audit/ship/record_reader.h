// src/audit/ship/record_reader.h: a record that is still being written, event by event.
#pragma once

#include <optional>
#include <string>

#include "audit/sinks/sink.h"
#include "sys/fd.h"

namespace berm {

/// Between two events of a record.
struct RecordPlace {
  std::uint64_t offset = 0;    ///< in bytes
  std::uint64_t sequence = 0;  ///< of the event behind it
  bool operator==(const RecordPlace&) const = default;
};

/// Reads with pread(2): several may share a descriptor.
class RecordReader {
 public:
  explicit RecordReader(int fd) : fd_(fd) {}

  /// Goes to `place` if an event of that sequence lies there, else to the beginning.
  void start_at(const RecordPlace& place);
  /// Goes back, or on, to a place that this reader was at.
  void go_to(const RecordPlace& place);
  [[nodiscard]] const RecordPlace& place() const { return place_; }

  /// The next whole line; nullopt if there is none yet. What is no event of ours comes as text, by
  /// the sequence that it should have.
  [[nodiscard]] std::optional<ShippedEvent> next();

  /// Bytes behind place() by now.
  [[nodiscard]] std::uint64_t left() const;

 private:
  [[nodiscard]] bool fill();

  int fd_;
  RecordPlace place_;
  std::string buffer_;  ///< from place_.offset on, but for `used_` bytes before it
  std::size_t used_ = 0;
  std::size_t searched_ = 0;  ///< of what is left of the buffer: no line feed in it
};

/// A line as an event. Its members behind "data" are ours, in the order of the canonical form.
[[nodiscard]] ShippedEvent shipped_event(std::string line, std::uint64_t expected);

}  // namespace berm

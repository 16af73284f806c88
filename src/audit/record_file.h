// src/audit/record_file.h: the record on disk, in the run directory, outside every sandbox.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "redact/redactor.h"
#include "sys/fd.h"

namespace berm {

/// Appends events. Each is written to an O_APPEND descriptor, whole lines at a time, before
/// append() returns, so that no event that was acknowledged is lost when berm crashes.
class RecordFile {
 public:
  /// Hides the secrets of `known`, and what looks like one, in every event from now on. `known`
  /// outlives the record.
  void hide(const KnownSecrets& known) { known_ = &known; }
  /// Creates `path` (it must not exist).
  [[nodiscard]] static Result<RecordFile> create(const std::string& path, std::string run);

  /// The first failure is kept: a record with a hole must not look whole. failed() tells.
  void append(std::string_view source, std::string_view type, const nlohmann::json& data);
  /// The same for many events of one type, in canonical form (record/canonical.h), by one write(2).
  void append_all(std::string_view source, std::string_view type,
                  const std::vector<std::string>& events);

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const std::string& head() const { return previous_; }
  [[nodiscard]] std::uint64_t count() const { return sequence_; }
  /// Writes everything through to the disk.
  void flush();

 private:
  void seal(std::string_view source, std::string_view type, std::string data, std::string& lines);
  void write(std::string_view lines);

  UniqueFd fd_;
  std::string run_;
  std::string previous_;
  std::uint64_t sequence_ = 0;
  bool failed_ = false;
  const KnownSecrets* known_ = nullptr;
};

/// Now, as RFC 3339 in UTC with nanoseconds.
[[nodiscard]] std::string wall_time();
[[nodiscard]] std::int64_t monotonic_ns();

}  // namespace berm

// src/audit/record_file.h: the record on disk, in the run directory, outside every sandbox.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "audit/run_key.h"
#include "policy/audit_policy.h"
#include "record/merkle.h"
#include "redact/redactor.h"
#include "sys/fd.h"

namespace berm {

/// Appends events. Each is written to an O_APPEND descriptor, whole lines at a time, before
/// append() returns, so that no event that was acknowledged is lost when berm crashes.
///
/// Every kEvery events and every kRest, whichever comes first, what was written is signed (an event
/// "checkpoint"); while nothing happens, every kHeartbeat, so that a record that stops shows.
class RecordFile {
 public:
  static constexpr std::uint64_t kEvery = 256;
  static constexpr std::int64_t kRest = 1'000'000'000;        ///< ns
  static constexpr std::int64_t kHeartbeat = 10'000'000'000;  ///< ns

  /// Creates `path` (it must not exist).
  [[nodiscard]] static Result<RecordFile> create(const std::string& path, std::string run);
  /// Goes on with a record whose writer died: what that one's last write left torn is cut off.
  /// @param key  of the record
  /// @return Errc::denied: it is not what was written, or another key's; Errc::usage: it has ended
  [[nodiscard]] static Result<RecordFile> resume(const std::string& path, std::string run,
                                                 RunKey key);
  /// Hides the secrets of `known`, and what looks like one, in every event from now on. `known`
  /// outlives the record.
  void hide(const KnownSecrets& known) { known_ = &known; }
  /// Writes down whose signatures follow ("record.key"). Without it, a key is made when the first
  /// checkpoint needs one: OpenSSL takes a millisecond for its first.
  void sign_with(RunKey key);
  void make_key();

  /// When what was written goes through to the disk: with each write, with a checkpoint (at most
  /// once a second, and at the end), never.
  void sync(RecordSync when) { sync_ = when; }

  /// The first failure is kept: a record with a hole must not look whole. failed() tells.
  void append(std::string_view source, std::string_view type, const nlohmann::json& data);
  /// The same for many events of one type, in canonical form (record/canonical.h), by one write(2).
  void append_all(std::string_view source, std::string_view type,
                  const std::vector<std::string>& events);
  /// Signs what is due. For a loop that turns at least once a second.
  void tick();
  /// Signs now what is not signed yet.
  void sign();
  /// "run.end", the last checkpoint, and everything written through to the disk.
  void end();

  /// Who signed; nullptr before the first checkpoint.
  [[nodiscard]] const SigningKey* signing_key() const { return key_ ? &key_->key : nullptr; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const std::string& head() const { return previous_; }
  [[nodiscard]] const std::string& last_note() const { return note_; }  ///< of a checkpoint
  [[nodiscard]] std::uint64_t count() const { return sequence_; }

 private:
  void seal(std::string_view source, std::string_view type, std::string data, std::string& lines);
  void write(std::string_view lines);
  void checkpoint();
  void sync_now();

  UniqueFd fd_;
  std::string run_;
  std::string previous_;
  std::string note_;
  std::uint64_t sequence_ = 0;
  std::int64_t clock_ahead_ = 0;  ///< ns: a record that was begun before the machine was
  bool failed_ = false;
  const KnownSecrets* known_ = nullptr;
  std::optional<RunKey> key_;
  MerkleTree tree_;
  RecordSync sync_ = RecordSync::checkpoint;
  std::int64_t synced_at_ = 0;  ///< monotonic, ns
  std::uint64_t unsigned_ = 0;  ///< events since the last checkpoint
  std::int64_t signed_at_ = 0;  ///< monotonic, ns
};

/// Now, as RFC 3339 in UTC with nanoseconds.
[[nodiscard]] std::string wall_time();
[[nodiscard]] std::int64_t monotonic_ns();

}  // namespace berm

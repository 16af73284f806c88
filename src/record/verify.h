// src/record/verify.h: whether a record is what was written, and what is wrong where.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "record/checkpoint.h"
#include "record/merkle.h"

namespace berm {

enum class RecordFault : std::uint8_t {
  edited,      ///< the bytes are not those that were hashed, or no event at all
  dropped,     ///< events are missing before this one
  repeated,    ///< the same event again
  reordered,   ///< it stands behind one that came later
  forked,      ///< it continues another history of the same run
  other_run,   ///< an event of another run
  truncated,   ///< the last line has no end, or the end is not the one that was remembered
  clock_back,  ///< the monotonic clock goes back
  after_end,   ///< an event behind the end of the run
  unsigned_,   ///< the record names no key
  wrong_key,   ///< a signature that the key did not make; no certificate by the key that is trusted
};
[[nodiscard]] std::string_view name_of(RecordFault fault);

/// Something wrong with a record, and where.
struct RecordProblem {
  std::size_t line = 0;  ///< from 1
  RecordFault fault = RecordFault::edited;
  std::string what;
  bool operator==(const RecordProblem&) const = default;
};

struct RecordTrust {
  std::string head;              ///< of the last event, from run.json; "" = not known
  std::optional<PublicKey> key;  ///< that lasts: it must have certified the run's key
  bool may_lack_events = false;  ///< a copy that may have gaps: they are told and are no fault
};

/// Events that are not there, both ends included.
struct RecordGap {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const RecordGap&) const = default;
};

struct RecordCheck {
  std::string run;
  std::size_t events = 0;
  bool complete = false;                ///< ends with run.end and a checkpoint that covers it
  std::string head;                     ///< hash of the last event
  std::vector<RecordProblem> problems;  ///< the first 1000

  std::optional<PublicKey> key;  ///< of the run
  bool certified = false;        ///< by RecordTrust::key
  std::uint64_t checkpoints = 0;
  std::uint64_t signed_events = 0;     ///< covered by the last good checkpoint
  std::vector<RecordGap> gaps;         ///< with RecordTrust::may_lack_events; the first 1000
  std::string checkpoint;              ///< that one's note
  std::uint64_t clock_steps_back = 0;  ///< of the wall clock: no fault, somebody may have set it
  std::vector<Digest> leaves;          ///< of the Merkle tree, one an event

  [[nodiscard]] bool intact() const { return problems.empty(); }
};

/// True if what "record.key" says of `key` is certified by `trusted`, for this run.
[[nodiscard]] bool is_certified(const nlohmann::json& data, std::string_view run,
                                const PublicKey& key, const PublicKey& trusted);

/// Checks a whole record: every byte, the chain, the signatures.
[[nodiscard]] RecordCheck check_record(std::string_view text, const RecordTrust& trust = {});

}  // namespace berm

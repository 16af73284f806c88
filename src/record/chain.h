// src/record/chain.h: the append-only form of a run's events, and how to check it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

inline constexpr int kEventVersion = 1;

/// What stands in every event besides its own data.
struct EventHeader {
  std::string run;
  std::uint64_t sequence = 0;  ///< from 0, without gaps
  std::string time;            ///< wall clock, RFC 3339, nanoseconds, UTC
  std::int64_t monotonic_ns = 0;
  std::string source;  ///< which process says so: "supervisor", "egress", "init"
  std::string type;    ///< "run.start", "limit.hit", …
};

/// One line of the record, without its line feed: canonical JSON (see canonical.h) with "prev" =
/// hash of the line before and "hash" = SHA-256 over the line without the hash itself.
struct SealedEvent {
  std::string line;
  std::string hash;
};
/// @param data  in canonical form
[[nodiscard]] SealedEvent seal_event(const EventHeader& header, std::string_view data,
                                     std::string_view previous_hash);

/// One line as an event; null if it is not a JSON object or nested deeper than any event of ours
/// (json is copied, compared and printed by recursion: depth must end before the stack does).
[[nodiscard]] nlohmann::json parse_event(std::string_view line);

/// "prev" of the first event.
[[nodiscard]] std::string genesis_hash();

/// Something wrong with a record, and where.
struct RecordProblem {
  std::size_t line = 0;  ///< from 1
  std::string what;
  bool operator==(const RecordProblem&) const = default;
};

struct RecordCheck {
  std::size_t events = 0;
  bool complete = false;  ///< ends with run.end
  std::string head;       ///< hash of the last event
  std::vector<RecordProblem> problems;
  [[nodiscard]] bool intact() const { return problems.empty(); }
};

/// Checks the chain of a whole record: edited, dropped, reordered, repeated, truncated, a clock
/// that goes back, an event of another run. `expected_head` (from run.json) finds a record that was
/// replaced by a shorter, well-formed one; "" = not known.
[[nodiscard]] RecordCheck check_record(std::string_view text, std::string_view expected_head);

}  // namespace berm

// src/record/chain.h: the append-only form of a run's events.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "record/sha256.h"

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
  Digest digest{};  ///< the hash, as bytes: a leaf of the Merkle tree
};
/// @param data  in canonical form
[[nodiscard]] SealedEvent seal_event(const EventHeader& header, std::string_view data,
                                     std::string_view previous_hash);

/// One line as an event; null if it is not a JSON object or nested deeper than any event of ours
/// (json is copied, compared and printed by recursion: depth must end before the stack does).
[[nodiscard]] nlohmann::json parse_event(std::string_view line);

/// "prev" of the first event.
[[nodiscard]] std::string genesis_hash();

/// The parts of a line as it was sealed. The views are of the line.
struct SealedLine {
  std::string_view hash;
  std::int64_t monotonic_ns = 0;
  std::string_view previous;
  std::string_view run;
  std::uint64_t sequence = 0;
  std::string_view source;
  std::string_view time;
  std::string_view type;
  std::string_view data;
  Digest digest{};    ///< of the line without `hash`
  bool fits = false;  ///< which it is, in lower case
};
/// nullopt: no line of ours. What is sealed is bytes: whether `data` is JSON its writer knows.
[[nodiscard]] std::optional<SealedLine> parse_sealed(std::string_view line);

}  // namespace berm

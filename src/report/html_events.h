// src/report/html_events.h: the events of a record as columns, which a script reads a hundred
// thousand of in no time, and each event's own data as a line that is read when somebody asks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace berm::html {

inline constexpr std::size_t kMostEvents = 250'000;

/// Where an event stands on the timeline; none: in the list only.
enum class Lane : std::uint8_t { none, calls, model, processes, connections, run };
/// What it means to a reader: nothing special, granted, refused, worth a look.
enum class Tone : std::uint8_t { plain, good, bad, warn };

struct EventTable {
  /// Arrays of one length: "seq"; "t" µs since the first event; "d" µs of a span that begins there
  /// (or, negative, ends there); "type", "source", "decision" (places in "words"); "tone"; "lane";
  /// "text".
  nlohmann::json columns;
  /// Per event one line: [[key, value as text], …], without what is empty.
  std::string lines;
  std::size_t left_out = 0;    ///< events behind the first kMostEvents
  std::size_t no_details = 0;  ///< events whose data did not fit
};

[[nodiscard]] EventTable event_table(const std::vector<nlohmann::json>& events);

/// Microseconds from the first event to this one; 0 for what is before it or no number.
[[nodiscard]] std::int64_t offset_us(const nlohmann::json& event, const nlohmann::json& first);

/// "api.example.com:443", "[::1]:80"; printable.
[[nodiscard]] std::string place_of(const nlohmann::json& data);

}  // namespace berm::html

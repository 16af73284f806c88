// src/report/html_parts.h: what a page tells besides the list of events, each part as JSON of
// printable text and numbers. docs/json.md names the fields of the events they are made of.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "record/chain.h"
#include "record/verify.h"

namespace berm::html {

using Events = std::vector<nlohmann::json>;

/// Run, agent, command, verdict, digests, usage, limits, layers: what is told once.
[[nodiscard]] nlohmann::json head_part(const Events& events);
[[nodiscard]] nlohmann::json integrity_part(const RecordCheck& check, std::string_view expected);
/// Files in the order of their classes, and references.
[[nodiscard]] nlohmann::json changes_part(const Events& events, std::string_view diffs);
[[nodiscard]] nlohmann::json guard_part(const Events& events);
/// What was refused: destinations with the line of policy that grants them, rules with their count.
[[nodiscard]] nlohmann::json denials_part(const Events& events);
/// Every host: connections granted and refused, requests, bytes.
[[nodiscard]] nlohmann::json hosts_part(const Events& events);
/// Prompts, calls and processes as one tree in preorder, in columns.
[[nodiscard]] nlohmann::json tree_part(const Events& events);
/// Samples of the run's memory: µs since the first event, bytes.
[[nodiscard]] nlohmann::json memory_part(const Events& events);

}  // namespace berm::html

// src/report/facts_values.h: values of events that may hold any type under any key.
#pragma once

#include "report/facts.h"

namespace berm::report {

/// `value` if it is an array, else an empty one.
[[nodiscard]] const nlohmann::json& list_of(const nlohmann::json& value);

/// argv with blanks between, at most `most` bytes.
[[nodiscard]] std::string words(const nlohmann::json& argv, std::size_t most);

/// "host:port" of an event of the network; "[::1]:80"; without a port the host alone.
[[nodiscard]] std::string endpoint(const nlohmann::json& data);

/// Findings say "line 7 holds …". 0 = they do not.
[[nodiscard]] std::uint64_t line_in(std::string_view message);

}  // namespace berm::report

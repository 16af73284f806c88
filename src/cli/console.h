// src/cli/console.h: what berm itself says, on stdout and stderr.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace berm {

void put(std::string_view text);       ///< stdout
void complain(std::string_view text);  ///< stderr
void put_json(const nlohmann::json& value);

/// Prints the error and returns the exit code that goes with its kind.
int fail(const Error& error);

/// True if `fd` is a terminal that shows colours (NO_COLOR, TERM=dumb).
[[nodiscard]] bool wants_color(int fd);

}  // namespace berm

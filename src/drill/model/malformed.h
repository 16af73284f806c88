// src/drill/model/malformed.h: answers that no honest model gives, byte by byte.
#pragma once

#include <string>

#include "drill/scenarios/scenario.h"

namespace berm::drill {

enum class Api : std::uint8_t { anthropic, openai };

/// What goes over the wire, the HTTP head included.
struct Raw {
  std::string bytes;
  bool stays_open = false;  ///< afterwards: a byte a second until the other side is gone
};
/// @param number  of the request: identifiers differ from one answer to the next.
[[nodiscard]] Raw malformed_answer(Shape shape, Api api, unsigned number);

}  // namespace berm::drill

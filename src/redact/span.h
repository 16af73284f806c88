// src/redact/span.h: a stretch of text that is to be hidden.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berm {

/// Offsets into the text that was searched. Which list `label` counts in, the searcher says.
struct SecretSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint32_t label = 0;
  bool operator==(const SecretSpan&) const = default;
};

}  // namespace berm

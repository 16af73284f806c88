// src/lint/suppression.h: "# berm: allow RULE -- reason", on its line or above it. Pure.
#pragma once

#include <string>
#include <vector>

#include "lint/finding.h"

namespace berm::lint {

struct Suppression {
  const Source* file = nullptr;
  Span span;
  std::string rule;
  std::string reason;    ///< "" = it does not count
  std::size_t line = 0;  ///< that it speaks of
  bool used = false;
};

[[nodiscard]] std::vector<Suppression> suppressions_in(const Source& file);

}  // namespace berm::lint

// src/report/junit.h: a run as JUnit XML: one suite, a test case for each layer, each rule of the
// guard, each limit and each promise that was at stake.
#pragma once

#include <string>
#include <string_view>

#include "report/facts.h"

namespace berm::report {

/// `text` for an attribute or for content; what XML 1.0 cannot hold (§2.2) becomes U+FFFD.
[[nodiscard]] std::string xml(std::string_view text);

/// A case fails for what made the verdict; a refused act is told in a case that passes: the sandbox
/// held.
[[nodiscard]] std::string junit(const RunFacts& facts);

}  // namespace berm::report

// src/tiers/container/harden.h: somebody's `docker run …`, with what makes it no boundary taken
// out. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

struct Hardened {
  struct Change {
    std::string what;  ///< "removed --privileged"
    std::string why;
    bool operator==(const Change&) const = default;
  };
  std::vector<std::string> argv;
  std::vector<Change> changes;
};

/// @param line  One `docker run …` or `podman run …`, as a shell would read it.
/// @return Errc::usage for anything else, and for what is only known when a shell runs.
[[nodiscard]] Result<Hardened> harden(std::string_view line);

/// Words as one line that sh reads back as the same words.
[[nodiscard]] std::string shell_line(const std::vector<std::string>& words);

}  // namespace berm

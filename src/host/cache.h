// src/host/cache.h: what can be made again.
#pragma once

#include <cstdlib>
#include <string>

namespace berm {

/// $XDG_CACHE_HOME/berm, or below ~/.cache (XDG Base Directory Specification); "" where neither is
/// named.
[[nodiscard]] inline std::string cache_directory() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/berm";
  const char* const home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.cache/berm" : "";
}

}  // namespace berm

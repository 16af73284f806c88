// src/record/asked_for.h: what a run asked the network for and was not granted, from its events.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace berm {

struct AskedFor {
  std::string destination;  ///< "api.example.com:443": as it would stand in network.allow
  std::uint64_t times = 0;
  bool learned = false;  ///< let through by --learn
  bool operator==(const AskedFor&) const = default;
};

/// Every destination that was refused because nothing grants it, or let through by --learn only;
/// most often asked first. Events of any shape are survived: a record may come from anybody.
[[nodiscard]] std::vector<AskedFor> asked_for(const std::vector<nlohmann::json>& events);

}  // namespace berm
